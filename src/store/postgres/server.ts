import { PkiError } from '../../errors.ts';
import type { PostgresSession } from './session.ts';

const OLDEST = 130_000;

function refuse(message: string): never {
  throw new PkiError('storage-unavailable', message);
}

interface Settings {
  readonly version: string;
  readonly fsync: string;
  readonly full_page_writes: string;
  readonly synchronous_commit: string;
  readonly read_only: string;
  readonly standard_conforming_strings: string;
  readonly encoding: string;
  readonly schema: string | null;
  readonly replica: boolean;
}

/** Settings that must be `on`, and what is lost where they are not. */
const DEMANDED = {
  fsync: 'what it calls committed may be lost when the machine stops',
  full_page_writes: 'a page that was half written when the machine stops cannot be repaired',
  standard_conforming_strings: 'texts in statements mean something else',
} as const;

/**
 * Refuses a server that does not keep what it promises: what is recorded must be on disk. Asked at every
 * connection that writes, since an administrator can change it under a server that runs.
 */
export async function verifyServer(session: PostgresSession): Promise<void> {
  const [found] = await session.rows<Settings>(
    `SELECT current_setting('server_version_num') AS version, current_setting('fsync') AS fsync,
     current_setting('full_page_writes') AS full_page_writes, current_setting('synchronous_commit') AS synchronous_commit,
     current_setting('default_transaction_read_only') AS read_only,
     current_setting('standard_conforming_strings') AS standard_conforming_strings,
     current_setting('server_encoding') AS encoding, current_schema()::text AS schema, pg_is_in_recovery() AS replica`,
  );
  if (!found) refuse('The database does not say how it is set up.');
  if (Number(found.version) < OLDEST) refuse('The database server is older than PostgreSQL 13.');
  for (const [name, why] of Object.entries(DEMANDED)) {
    if (found[name as keyof typeof DEMANDED] !== 'on') {
      refuse(`The database server runs with ${name} = off: ${why}. Set it to on.`);
    }
  }
  if (found.synchronous_commit === 'off') {
    refuse(
      'The database is set to synchronous_commit = off: what it calls committed may be lost when the machine stops. Set it to on, for the server, the database and the role.',
    );
  }
  if (found.read_only !== 'off') {
    refuse(
      'The database is set to default_transaction_read_only = on: nothing is to be written. Set it to off, for the server, the database and the role.',
    );
  }
  if (found.encoding !== 'UTF8')
    refuse(`The database has the encoding ${found.encoding}. Make one with UTF8.`);
  if (found.schema === null) refuse('The role has no schema to work in: see search_path.');
  if (found.replica) refuse('The database server is a standby that cannot be written to.');
}
