/** A lot gets through by itself: `fleetca batch` on a service that dies, and with a person who stops it. */
import { type ChildProcess, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeCsr, makeKey } from '../support/csr.ts';
import { engine } from '../support/engine.ts';
import { makeFleet, rowOf, type TestFleet } from '../support/fleet.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/fleetca.mjs', import.meta.url));
/** PostgreSQL is given fewer: its part is what a kill leaves behind, and what is read afterwards. */
const ROWS = engine === 'sqlite' ? 4000 : 2000;
/** What the client alone does, whatever the service's engine is. */
const itOnce = it.skipIf(engine !== 'sqlite');
const work = scratchFolder();
const at = (name: string): string => join(work, name);

let service: Service;
let fleet: TestFleet;

interface Running {
  readonly child: ChildProcess;
  /** Until its end. */
  readonly ended: Promise<{ readonly status: number; readonly out: string; readonly err: string }>;
}

function fleetca(args: readonly string[], input = ''): Running {
  const child = spawn(process.execPath, [PROGRAM, ...args], {
    cwd: work,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: {
      PATH: process.env.PATH,
      FLEETCA_URL: service.apiUrl,
      FLEETCA_DATA: service.data,
      FLEETCA_TOKEN_FILE: at('station'),
    },
  });
  let out = '';
  let err = '';
  child.stdout?.on('data', (piece) => {
    out += piece;
  });
  child.stderr?.on('data', (piece) => {
    err += piece;
  });
  child.stdin?.on('error', () => undefined).end(input);
  const ended = once(child, 'close').then(([status]) => ({ status, out, err }));
  return { child, ended };
}

const linesOf = (name: string): readonly string[] =>
  existsSync(at(name)) ? readFileSync(at(name), 'utf8').split('\n').slice(0, -1) : [];

async function rowsIn(name: string, least: number): Promise<void> {
  while (linesOf(name).length < least) await sleep(10);
}

/** A lot of so many devices, named for it. */
function writeLot(name: string, rows: number): void {
  const lot: string[] = [];
  for (let i = 0; i < rows; i++) lot.push(rowOf(makeCsr({ deviceId: `${name}-${i}`, key: makeKey() })));
  writeFileSync(at(name), lot.join(''));
}

/** Each row once, in order, with the one certificate that the ledger has for its device. */
async function expectWhole(out: string, lot: string, rows: number): Promise<void> {
  const outcomes = linesOf(out).map((line) => JSON.parse(line));
  expect(outcomes.map(({ row }) => row)).toEqual(Array.from({ length: rows }, (_, i) => i + 1));
  expect(outcomes.every(({ status }) => status === 'issued' || status === 'replayed')).toBe(true);
  expect(outcomes.map(({ deviceId }) => deviceId)).toEqual(
    Array.from({ length: rows }, (_, i) => `${lot}-${i}`),
  );
  const serials = new Set(outcomes.map(({ serial }) => serial));
  expect(serials.size).toBe(rows);
  // What the service replays is what its ledger holds.
  const again = await fleetca(['batch', 'submit', lot, '--fleet', fleet.name, '--out', 'ledger']).ended;
  expect(again.status).toBe(0);
  const held = linesOf('ledger').map((line) => JSON.parse(line));
  expect(held.every(({ status }) => status === 'replayed')).toBe(true);
  expect(held.map(({ certificate }) => certificate)).toEqual(outcomes.map(({ certificate }) => certificate));
  expect(new X509Certificate(outcomes[0].certificate).subject).toContain(`${lot}-0`);
}

beforeAll(async () => {
  service = await startService({ level: 'warn' });
  fleet = await makeFleet(service, 'demo');
  writeFileSync(at('station'), fleet.tokens.station);
  writeLot('lot', ROWS);
  writeLot('small', 40);
});

afterAll(() => stopSound(service));

/** The same service again: port and data are those of before. */
async function restart(): Promise<void> {
  const { port } = new URL(service.apiUrl);
  service = await startService({ data: service.data, level: 'warn', flags: { apiPort: port } });
}

describe('a lot', () => {
  it('gets through by itself where the service is killed and comes back', async () => {
    const sending = fleetca([
      ...['batch', 'submit', 'lot', '--fleet', 'demo', '--id', 'killed'],
      ...['--out', 'killed.out', '--json'],
    ]);
    await rowsIn('killed.out', 256);
    await service.kill();
    expect(linesOf('killed.out').length).toBeLessThan(ROWS);
    await restart();
    const { status, out, err } = await sending.ended;
    expect(err).toBe('');
    expect(status).toBe(0);
    const { summary } = JSON.parse(out);
    expect(summary).toMatchObject({ batch: 'killed', rows: ROWS, refused: 0, failed: 0 });
    expect(summary.attempt).toBeGreaterThan(1);
    expect(summary.issued + summary.replayed).toBe(ROWS);
    expect(summary.new).toBeGreaterThanOrEqual(summary.issued);
    await expectWhole('killed.out', 'lot', ROWS);
  });

  itOnce('is stopped by Ctrl-C, and gone on with', async () => {
    writeLot('stopped', ROWS);
    const sending = fleetca([
      'batch',
      'submit',
      'stopped',
      '--fleet',
      'demo',
      '--id',
      's-1',
      '--out',
      's.out',
    ]);
    await rowsIn('s.out', 256);
    sending.child.kill('SIGINT');
    const { status, err } = await sending.ended;
    expect(status).toBe(130);
    expect(err).toContain('fleetca batch resume s-1 stopped --fleet demo --out s.out');
    expect(linesOf('s.out').length).toBeLessThan(ROWS);
    // As if it had been killed within a line.
    writeFileSync(at('s.out'), '{"row":', { flag: 'a' });
    const resumed = await fleetca(['batch', 'resume', 's-1', 'stopped', '--out', 's.out']).ended;
    expect(resumed.err).toBe('');
    expect(resumed.status).toBe(0);
    await expectWhole('s.out', 'stopped', ROWS);
  });

  itOnce('fails where the connection breaks and no retry is wanted, and says how to go on', async () => {
    writeLot('once', ROWS);
    const sending = fleetca([
      ...['batch', 'submit', 'once', '--fleet', 'demo', '--id', 'o-1', '--out', 'o.out', '--no-retry'],
    ]);
    await rowsIn('o.out', 1);
    await service.kill();
    const { status, err } = await sending.ended;
    expect(status).toBe(6);
    expect(err).toContain('fleetca batch resume o-1 once');
    await restart();
  });

  itOnce('from stdin is sent as well as from a file', async () => {
    const text = readFileSync(at('small'), 'utf8');
    const args = ['batch', 'submit', '-', '--fleet', 'demo', '--out', 'stdin.out'];
    expect((await fleetca(args, text).ended).status).toBe(0);
    await expectWhole('stdin.out', 'small', 40);
  });
});

describe('a lot that is left to the service', () => {
  it('is waited for, and read piece by piece into one file', async () => {
    writeFileSync(at('mixed'), `${readFileSync(at('small'), 'utf8')}{"csr":"AAAA"}\n`);
    const sent = await fleetca(['batch', 'submit', 'mixed', '--fleet', 'demo', '--id', 'left', '--async'])
      .ended;
    expect(sent).toMatchObject({ status: 0, out: '/v1/batches/left\n' });
    const waited = await fleetca(['batch', 'status', 'left', '--wait', '--json']).ended;
    expect(waited.status).toBe(1);
    expect(JSON.parse(waited.out)).toMatchObject({ state: 'complete', attempts: [{ rows: 41, refused: 1 }] });

    const read = ['batch', 'results', 'left', '--out', 'left.out'];
    expect((await fleetca([...read, '--limit', '10']).ended).status).toBe(0);
    expect(linesOf('left.out')).toHaveLength(10);
    const rest = await fleetca([...read, '--resume']).ended;
    expect(rest).toMatchObject({ status: 0, out: '' });
    expect(linesOf('left.out').map((line) => JSON.parse(line).seq)).toEqual(
      Array.from({ length: 41 }, (_, i) => i + 1),
    );
    const foreign = await fleetca(['batch', 'results', 'killed', '--out', 'left.out', '--resume']).ended;
    expect(foreign.status).toBe(2);
    expect(linesOf('left.out')).toHaveLength(41);
  });
});
