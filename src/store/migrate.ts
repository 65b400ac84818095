import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PkiError } from '../errors.ts';
import { packageRoot } from '../package-root.ts';
import { APPLICATION_ID, type Connection } from './driver.ts';

const FOLDER = join(packageRoot, 'db/migrations/sqlite');

const migrations = (): readonly string[] =>
  readdirSync(FOLDER)
    .filter((name) => /^\d{4}-[a-z0-9-]+\.sql$/.test(name))
    .sort();

function refuse(message: string): never {
  throw new PkiError('storage-unavailable', message);
}

/** Refuses a database that is not ours, or newer than this program, and leaves it as it is. */
export function verifyOurs(
  connection: Connection,
  file: string,
  whenEmpty: 'create' | 'refuse' = 'create',
): void {
  const known = migrations().length;
  const version = connection.pragma('user_version', { simple: true }) as number;
  const application = connection.pragma('application_id', { simple: true }) as number;
  const tables = connection.prepare("SELECT count(*) AS n FROM sqlite_schema WHERE type = 'table'").get() as {
    n: number;
  };
  if (application !== APPLICATION_ID && (application !== 0 || tables.n > 0)) {
    refuse(`${file} is a database of another program.`);
  }
  if (version === 0 && whenEmpty === 'refuse') {
    refuse(`${file} holds nothing, and there are keys: it was cut off or replaced. Put the database back.`);
  }
  if (version > known) {
    refuse(
      `${file} was written by a newer fleetca (schema ${version}; this one knows ${known}). Nothing was changed.`,
    );
  }
}

/**
 * Brings the schema up to date, forward only: each file of db/migrations/sqlite once, in order, in one
 * transaction with the version number, so that one that breaks off leaves nothing behind.
 */
export function migrate(connection: Connection): void {
  const all = migrations();
  const from = connection.pragma('user_version', { simple: true }) as number;
  connection.pragma(`application_id = ${APPLICATION_ID}`);
  for (const [index, name] of all.entries()) {
    if (index < from) continue;
    connection.transaction(() => {
      connection.exec(readFileSync(join(FOLDER, name), 'utf8'));
      connection.pragma(`user_version = ${index + 1}`);
    })();
  }
}
