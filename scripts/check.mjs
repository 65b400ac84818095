// Everything that must be green on every commit: format and lint, types, boundaries, dead code, the
// OpenAPI document, the lock file, and the unit tests. Independent steps run side by side.
import { spawn } from 'node:child_process';

const STEPS = [
  ['types', 'npx', ['tsc', '-p', 'tsconfig.json']],
  ['format and lint', 'npx', ['biome', 'ci', '.']],
  ['boundaries', 'npx', ['depcruise', 'src', '--config', '.dependency-cruiser.cjs', '--output-type', 'err']],
  ['dead code', 'npx', ['knip', '--no-progress']],
  ['OpenAPI', 'npx', ['redocly', 'lint', 'openapi.yaml', '--config', 'redocly.yaml']],
  ['lock file', 'node', ['scripts/check-lock.mjs']],
  ['unit tests', 'npx', ['vitest', 'run', '--project', 'unit']],
];
/** Two at a time: that is what the smallest machine we care for has cores. */
const LANES = 2;

function run([name, command, args]) {
  const began = Date.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, REDOCLY_TELEMETRY: 'off' },
    });
    const output = [];
    child.stdout.on('data', (piece) => output.push(piece));
    child.stderr.on('data', (piece) => output.push(piece));
    child.on('close', (code) => {
      const seconds = ((Date.now() - began) / 1000).toFixed(1);
      console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${name} (${seconds} s)`);
      if (code !== 0) process.stdout.write(Buffer.concat(output));
      resolve(code === 0);
    });
  });
}

const waiting = [...STEPS];
const lane = async () => {
  let good = true;
  for (let step = waiting.shift(); step; step = waiting.shift()) good = (await run(step)) && good;
  return good;
};
const results = await Promise.all(Array.from({ length: LANES }, lane));
process.exitCode = results.every(Boolean) ? 0 : 1;
