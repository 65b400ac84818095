import { checkLedger, type LedgerReport } from '../verify-ledger.ts';
import { connect } from './connect.ts';
import { postgresError } from './failure.ts';
import { verifyOurs } from './migrate.ts';
import { PostgresSession } from './session.ts';

/**
 * What `verifyLedger` is for a file: checks a database on a server, in use or not, without changing it,
 * and as it was at one moment. Rejects with `storage-unavailable` where there is no ledger, or the
 * connection breaks: then nothing is known.
 */
export async function verifyPostgresLedger(url: string): Promise<LedgerReport> {
  const client = await connect(url, 'fleetca verify', () => undefined);
  const session = new PostgresSession(client, 'fresh');
  try {
    await session.script('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await verifyOurs(session, 'refuse');
    return await session.answer(checkLedger());
  } catch (failure) {
    throw postgresError(failure);
  } finally {
    await client.end().catch(() => undefined);
  }
}
