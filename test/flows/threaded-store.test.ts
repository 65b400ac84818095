import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { describeStore } from '../store/contract.ts';
import { newLine } from '../store/line.ts';
import { completionOf, NOON } from '../store/sample.ts';
import { makeFolder, scratchDatabase } from '../store/scratch.ts';

/** The store's thread is loaded from `dist/`, and from nowhere else. */
const built = new URL('../../dist/store/index.js', import.meta.url).href;
const { openStore } = (await import(built)) as typeof import('../../src/store/index.ts');

const folder = makeFolder();
const file = join(folder, 'fleetca.sqlite');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describeStore('SQLite in a thread', (run) => openStore({ ...run, file }));

test('after all that, the ledger and its log agree', () => {
  expect(verifyLedger(file).problems).toEqual([]);
});

test('a second store on one file is refused before a thread is started for it', async () => {
  const held = scratchDatabase();
  const first = await openStore({ file: held, runId: '00000000000000aa', at: NOON });
  let threads = 0;
  const count = (): void => {
    threads++;
  };
  process.on('worker', count);
  const second = () => openStore({ file: held, runId: '00000000000000bb', at: NOON });
  await expect(second()).rejects.toMatchObject({ code: 'busy' });
  expect(threads).toBe(0);
  await first.close(NOON);
  const third = await second();
  expect(threads).toBe(1);
  process.off('worker', count);
  await third.close(NOON);
});

test('a store that does not open lets its file go', async () => {
  const file = scratchDatabase();
  const refused = { file, runId: '00000000000000aa', at: NOON, whenEmpty: 'refuse' } as const;
  await expect(openStore(refused)).rejects.toMatchObject({ code: 'storage-unavailable' });
  await (await openStore({ ...refused, whenEmpty: 'create' })).close(NOON);
});

test('what a caller hands over is still the caller’s', async () => {
  const store = await openStore({ file: scratchDatabase(), runId: '00000000000000aa', at: NOON });
  const line = await newLine(store);
  // Views of one buffer, as a worker hands them on.
  const shared = Buffer.alloc(64, 7);
  const row = line.row('dev-1', { keyDigest: shared.subarray(0, 32) });
  const done = completionOf(row, await line.intend(row));
  await line.complete(row, done.intentId);
  expect(shared.every((octet) => octet === 7)).toBe(true);
  expect(row.serial).toHaveLength(16);
  await store.close(NOON);
});
