import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PkiError } from '../../errors.ts';
import { packageRoot } from '../../package-root.ts';
import type { PostgresSession } from './session.ts';

const FOLDER = join(packageRoot, 'db/migrations/postgres');

const migrations = (): readonly string[] =>
  readdirSync(FOLDER)
    .filter((name) => /^\d{4}-[a-z0-9-]+\.sql$/.test(name))
    .sort();

/** What marks a schema as ours. */
const APPLICATION = 'fleetca';

function refuse(message: string): never {
  throw new PkiError('storage-unavailable', message);
}

/** Whose the tables are that stand where ours stand or would stand. What an extension brought is nobody's. */
async function findVersion(session: PostgresSession): Promise<number | 'empty' | 'foreign'> {
  const tables = await session.rows<{ name: string }>(
    `SELECT relname::text AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace
     AND relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT EXISTS
     (SELECT 1 FROM pg_depend WHERE classid = 'pg_class'::regclass AND objid = pg_class.oid AND deptype = 'e')`,
  );
  if (tables.length === 0) return 'empty';
  // Other programs have a table of this name, too; ours says whose it is.
  const marked = await session.rows(
    "SELECT 1 FROM pg_attribute WHERE attrelid = to_regclass('schema_version') AND attname = 'application'",
  );
  if (marked.length === 0) return 'foreign';
  const [row] = await session.rows<{ application: string; version: number }>(
    'SELECT application, version FROM schema_version',
  );
  return row?.application === APPLICATION ? row.version : 'foreign';
}

/** Refuses a database that is not ours, or newer than this program. Gives the version of its schema, 0 for none. */
export async function verifyOurs(session: PostgresSession, whenEmpty: 'create' | 'refuse'): Promise<number> {
  const version = await findVersion(session);
  if (version === 'foreign') refuse('The database holds tables of another program.');
  if (version === 'empty') {
    if (whenEmpty === 'create') return 0;
    refuse('The database holds nothing where a ledger is expected: it was replaced, or another is meant.');
  }
  const known = migrations().length;
  if (version > known) {
    refuse(
      `The database was written by a newer fleetca (schema ${version}; this one knows ${known}). Nothing was changed.`,
    );
  }
  return version;
}

/**
 * Brings the schema up to date, forward only: each file of db/migrations/postgres once, in order, all in
 * one transaction with the version number, so that one that breaks off leaves nothing behind. Demands
 * that the caller holds the lock of the service.
 */
export async function migrate(session: PostgresSession, whenEmpty: 'create' | 'refuse'): Promise<void> {
  const from = await verifyOurs(session, whenEmpty);
  const due = migrations().slice(from);
  if (due.length === 0) return;
  const version = from + due.length;
  const mark =
    from === 0
      ? `CREATE TABLE schema_version (application TEXT NOT NULL, version INTEGER NOT NULL);
INSERT INTO schema_version VALUES ('${APPLICATION}', ${version})`
      : `UPDATE schema_version SET version = ${version}`;
  await session.script('BEGIN; SET LOCAL synchronous_commit TO on');
  try {
    for (const name of due) await session.script(readFileSync(join(FOLDER, name), 'utf8'));
    await session.script(`${mark};\nCOMMIT`);
  } catch (failure) {
    // Where the connection is gone, so is the transaction.
    await session.script('ROLLBACK').catch(() => undefined);
    throw failure;
  }
}
