import { copyFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll } from 'vitest';
import { openWriter } from '../../src/store/driver.ts';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { NOON } from './sample.ts';
import { makeFolder, scratchDatabase } from './scratch.ts';
import { touchedRowsContract } from './touched-rows-contract.ts';

const folder = makeFolder();
afterAll(() => rmSync(folder, { recursive: true, force: true }));

touchedRowsContract(async (fill) => {
  const clean = join(folder, 'clean.sqlite');
  const store = openStoreInProcess({ file: clean, runId: '00000000000000aa', at: NOON });
  await fill(store);
  await store.close(NOON);
  return {
    verifyTouched: async (sql) => {
      const file = scratchDatabase();
      copyFileSync(clean, file);
      const connection = openWriter(file, () => undefined);
      connection.exec(sql);
      connection.close();
      return verifyLedger(file);
    },
  };
});
