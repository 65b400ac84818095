import { copyFileSync } from 'node:fs';
import { openWriter } from '../../src/store/driver.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { scratchDatabase } from './scratch.ts';

/** What the verifier finds in a copy of a ledger that somebody with the file in hand has changed. */
export function findingsAfter(clean: string, sql: string): string {
  const file = scratchDatabase();
  copyFileSync(clean, file);
  const connection = openWriter(file, () => undefined);
  connection.pragma('foreign_keys = OFF');
  connection.pragma('ignore_check_constraints = ON');
  if (connection.prepare(sql).run().changes === 0) throw new Error(`nothing changed: ${sql}`);
  connection.close();
  return verifyLedger(file)
    .problems.map(({ what }) => what)
    .join('\n');
}
