/**
 * The long form of the kill test: `npm run soak -- --kills 200 --rows 20000`, on PostgreSQL with
 * `FLEETCA_TEST_ENGINE=postgres` before it. Prints a line a kill, and exits with 1 where anything was
 * lost, doubled or left unexplained.
 */
import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { checkCaSound } from '../support/assert-ca-sound.ts';
import { runKills, seededChance } from './kill-rounds.ts';
import { makeFolder } from './service-process.ts';

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    rows: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
});

execFileSync('npm', ['run', '--silent', 'build'], {
  cwd: fileURLToPath(new URL('../..', import.meta.url)),
  stdio: 'inherit',
});
console.log(`${values.rows} rows, ${values.kills} kills, seed ${values.seed}`);
const began = performance.now();
const {
  complaints: found,
  facts,
  amid,
  client,
  database,
} = await runKills({
  data: makeFolder(),
  rows: Number(values.rows),
  kills: Number(values.kills),
  chance: seededChance(Number(values.seed)),
  transport: 'https',
  report: (line) => console.log(`${((performance.now() - began) / 1000).toFixed(0)} s: ${line}`),
});
console.log(
  `${client.held.size} certificates held, ${client.refused.size} rows refused; ` +
    `${facts.states.completed ?? 0} intents completed, ${facts.states.abandoned ?? 0} abandoned; ` +
    `${amid} kills amid an answer; ${((performance.now() - began) / 1000).toFixed(0)} s`,
);
const complaints = [...found, ...(await checkCaSound(database, { stopped: true }))];
for (const complaint of complaints.slice(0, 100)) console.error(complaint);
process.exitCode = complaints.length > 0 ? 1 : 0;
