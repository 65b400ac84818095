import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { describeStore } from './contract.ts';
import { makeFolder } from './scratch.ts';

const folder = makeFolder();
const file = join(folder, 'fleetca.sqlite');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describeStore('SQLite in memory', async (run) => openStoreInProcess({ ...run, file: ':memory:' }));
describeStore('SQLite in a file', async (run) => openStoreInProcess({ ...run, file }));

test('after all that, the ledger and its log agree', () => {
  const { ok, problems } = verifyLedger(file);
  expect(problems).toEqual([]);
  expect(ok).toBe(true);
});
