import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { verifyLedger } from '../../src/store/index.ts';
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
