import { answer } from './asking.ts';
import { openReadOnly } from './driver.ts';
import { openingError } from './failure.ts';
import { verifyOurs } from './migrate.ts';
import { Session } from './session.ts';
import { type LedgerSummary, summarizeLedger } from './summary.ts';

/** 16 MiB of 4-KiB pages; between two steps a Ctrl-C is heard. */
const STEP_PAGES = 4_096;

/**
 * Copies a database that is in use, as it is at one moment, into a file that is not there yet. Writers go on: they write
 * into the log beside, which grows meanwhile. Gives what the copy holds.
 */
export async function copyDatabase(file: string, to: string): Promise<LedgerSummary> {
  const connection = openReadOnly(file);
  try {
    verifyOurs(connection, file, 'refuse');
    // A transaction that reads holds the copy to one moment. Without it every write beside begins the copy anew.
    connection.exec('BEGIN');
    const summary = answer(new Session(connection), summarizeLedger());
    await connection.backup(to, {
      progress: () => STEP_PAGES,
    });
    return summary;
  } catch (failure) {
    throw openingError(file, failure);
  } finally {
    connection.close();
  }
}
