import { closeSync, constants, openSync } from 'node:fs';
import { createRequire } from 'node:module';
import type BetterSqlite3 from 'better-sqlite3';

/** Node-API 10 (Node 22.14 and later) runs the build that needs no compiler; Node 20 the other. */
const NAPI_OF_THE_NEWER_DRIVER = 10;

const require = createRequire(import.meta.url);
const Database: typeof BetterSqlite3 = require(
  Number(process.versions.napi) >= NAPI_OF_THE_NEWER_DRIVER ? 'better-sqlite3-napi' : 'better-sqlite3',
);

export type Connection = BetterSqlite3.Database;
export type Statement = BetterSqlite3.Statement;

/** Marks the file as ours (PRAGMA application_id): "fca1". */
export const APPLICATION_ID = 0x66636131;

/** SQLite would make the file with the umask's mode; -wal and -shm take the mode of the file. */
function createPrivate(file: string): void {
  try {
    closeSync(openSync(file, constants.O_CREAT | constants.O_EXCL | constants.O_RDWR, 0o600));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
}

/** Page cache, where the caller does not say. A service always does: its configuration decides. */
const CACHE_MIB = 256;
/** 64 MiB of 4-KiB pages: a page that many chunks touch is copied home once, not once a chunk. */
const CHECKPOINT_PAGES = 16_000;
const LOG_LIMIT_OCTETS = 64 * 2 ** 20;

/** Settings that every connection needs, and that must hold after its first use, too. */
function configure(connection: Connection, cacheMiB = CACHE_MIB): Connection {
  connection.pragma(`cache_size = ${-1024 * cacheMiB}`);
  connection.pragma('temp_store = MEMORY');
  connection.pragma('busy_timeout = 5000');
  connection.pragma('foreign_keys = ON');
  connection.pragma('trusted_schema = OFF');
  // better-sqlite3 is built with SQLITE_DEFAULT_WAL_SYNCHRONOUS=1, which takes effect at the first
  // access to a WAL database: touch it first, then set it.
  connection.prepare('SELECT count(*) FROM sqlite_schema').get();
  connection.pragma('synchronous = FULL');
  connection.pragma(`wal_autocheckpoint = ${CHECKPOINT_PAGES}`);
  connection.pragma(`journal_size_limit = ${LOG_LIMIT_OCTETS}`);
  return connection;
}

/**
 * Opens the one connection that writes. Makes the file, 0600, where there is none. Changes nothing in a
 * file that exists before `verify` has looked at it; where that throws, the connection is closed.
 */
export function openWriter(
  file: string,
  verify: (connection: Connection) => void,
  cacheMiB?: number,
): Connection {
  if (file !== ':memory:') createPrivate(file);
  const connection = new Database(file);
  try {
    verify(connection);
    connection.pragma('journal_mode = WAL');
    return configure(connection, cacheMiB);
  } catch (error) {
    connection.close();
    throw error;
  }
}

/** Opens a connection that reads what is committed and cannot write. */
export function openReader(file: string): Connection {
  const connection = configure(new Database(file, { fileMustExist: true }));
  connection.pragma('query_only = ON');
  return connection;
}

/** Opens a database for inspection alone: nothing in the folder changes but SQLite's own -shm. */
export const openReadOnly = (file: string): Connection =>
  new Database(file, { readonly: true, fileMustExist: true });

/** Holds an exclusive transaction on a file of its own; the answer lets it go. `taken` is told when another has it. */
export function openExclusive(file: string, taken: (cause: unknown) => never): () => void {
  createPrivate(file);
  const connection = new Database(file, { timeout: 0 });
  try {
    connection.pragma('journal_mode = MEMORY');
    connection.exec('BEGIN EXCLUSIVE');
  } catch (cause) {
    connection.close();
    if ((cause as { code?: string }).code?.startsWith('SQLITE_BUSY')) return taken(cause);
    throw cause;
  }
  return () => connection.close();
}
