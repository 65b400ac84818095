import { symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, test } from 'vitest';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { newLine } from './line.ts';
import { NOON } from './sample.ts';
import { scratchDatabase, scratchFolder } from './scratch.ts';

let runs = 0;
const open = (file: string) => openStoreInProcess({ file, runId: `run-${++runs}`, at: NOON });
const codeOf = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return (error as { code?: unknown }).code;
  }
  return undefined;
};

test('a second store on one database is refused as busy, until the first is closed', async () => {
  const file = scratchDatabase();
  const first = open(file);
  expect(codeOf(() => open(file))).toBe('busy');
  const line = await newLine(first);
  await line.issue(line.row('dev-1'));
  await first.close(NOON);
  await open(file).close(NOON);
  expect(verifyLedger(file).ok).toBe(true);
});

test('a database is one however it is reached', async () => {
  const file = scratchDatabase();
  await open(file).close(NOON);
  const link = join(scratchFolder(), 'link.sqlite');
  symlinkSync(file, link);
  const first = open(file);
  expect(codeOf(() => open(link))).toBe('busy');
  await first.close(NOON);
});

test('a lock that another program holds is refused as busy', async () => {
  const file = scratchDatabase();
  await open(file).close(NOON);
  // A thread has modules of its own, as a program has; SQLite keeps its locks apart all the same.
  const holder = new Worker(
    `const { parentPort, workerData } = require('node:worker_threads');
     const { createRequire } = require('node:module');
     const driver = Number(process.versions.napi) >= 10 ? 'better-sqlite3-napi' : 'better-sqlite3';
     const lock = new (createRequire(workerData.from)(driver))(workerData.file + '.lock');
     lock.exec('BEGIN EXCLUSIVE');
     parentPort.once('message', () => { lock.close(); parentPort.postMessage('free'); });
     parentPort.postMessage('held');`,
    { eval: true, workerData: { file, from: import.meta.url } },
  );
  const word = () => new Promise((resolve) => holder.once('message', resolve));
  expect(await word()).toBe('held');
  expect(codeOf(() => open(file))).toBe('busy');
  const freed = word();
  holder.postMessage('let go');
  expect(await freed).toBe('free');
  await holder.terminate();
  await open(file).close(NOON);
});

test('a clean stop leaves no intent open and no attempt receiving', async () => {
  const file = scratchDatabase();
  const first = open(file);
  const line = await newLine(first);
  await line.intend(line.row('dev-1'));
  const opening = { id: 'lot', fleetId: line.fleet.id, tokenId: 'x', profile: null, authority: null };
  const act = { at: NOON, actor: { kind: 'service', id: 's', role: 's' } } as const;
  await first.openBatch(act, first.runId, opening);
  await first.close(NOON);
  expect(verifyLedger(file)).toMatchObject({ ok: true, open: 0, abandoned: 1 });
  const second = open(file);
  expect(second.abandoned).toBe(0);
  expect((await second.findBatch('lot'))?.attempts[0]?.state).toBe('interrupted');
  await second.close(NOON);
});
