import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { PkiError } from '../../errors.ts';
import { postgresError } from './failure.ts';
import { verifyServer } from './server.ts';
import { PostgresSession } from './session.ts';
import { newClient } from './settings.ts';
import { SERVICE_LOCK } from './transaction.ts';

/** A service that was killed lets its lock go when the server sees its socket closed: soon, not at once. */
const LOCK_TRIES = 20;
const LOCK_PAUSE_MS = 100;

/**
 * Ends what an earlier connection of this run left at the server. The network may have broken without
 * the server's knowledge; after this, what that connection was to commit is committed or never will be.
 */
const END_EARLIER = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
  WHERE application_name = $1 AND pid <> pg_backend_pid() AND datname = current_database()`;

/** Takes the database for this service alone, for as long as the connection lives. */
async function lockService(session: PostgresSession): Promise<void> {
  for (let tries = 1; tries <= LOCK_TRIES; tries++) {
    const [answer] = await session.rows<{ got: boolean }>(
      `SELECT pg_try_advisory_lock(${SERVICE_LOCK}) AS got`,
    );
    if (answer?.got) return;
    await sleep(LOCK_PAUSE_MS);
  }
  throw new PkiError(
    'busy',
    'Another fleetca is running on this database. Stop it first; one service works on one database.',
  );
}

/** Opens a connection, whatever it is for. Its failures are the medium's: nothing of ours has run yet. */
export async function connect(
  url: string,
  name: string,
  lost: (client: pg.Client) => void,
): Promise<pg.Client> {
  const client = newClient(url, name, () => lost(client));
  try {
    await client.connect();
    return client;
  } catch (cause) {
    client.end().catch(() => undefined);
    const known = postgresError(cause);
    if (known instanceof PkiError) throw known;
    throw new PkiError('storage-unavailable', 'The database lets nobody connect; nothing was recorded.', {
      cause,
    });
  }
}

/**
 * Opens the connection that writes, on a server that keeps its promises, and with the lock of the
 * service. The lock is this connection's: whoever has lost it cannot write either.
 */
export async function connectWriter(
  url: string,
  runId: string,
  lost: (client: pg.Client) => void,
): Promise<pg.Client> {
  const name = `fleetca writer ${runId}`.slice(0, 63);
  const client = await connect(url, name, lost);
  const session = new PostgresSession(client, 'fresh');
  try {
    await verifyServer(session);
    await session.rows(END_EARLIER, name);
    await lockService(session);
    return client;
  } catch (failure) {
    client.end().catch(() => undefined);
    throw postgresError(failure);
  }
}
