/**
 * The engine that the services of this process work on. vitest's project `postgres` runs files of the
 * project `whole` again, on PostgreSQL; a test asks for neither, but for a service.
 */
import { join } from 'node:path';
import { type PostgresServer, startPostgres } from './postgres.ts';

export const engine: 'sqlite' | 'postgres' =
  process.env.FLEETCA_TEST_ENGINE === 'postgres' ? 'postgres' : 'sqlite';

let server: Promise<PostgresServer> | undefined;

/** The PostgreSQL server of this process. It is started where it is first asked for, and ends with the process. */
export function ownPostgres(): Promise<PostgresServer> {
  server ??= startPostgres();
  return server;
}

const urls = new Map<string, Promise<string>>();

/**
 * Where the service with a data folder has its ledger: SQLite's file in the folder, or the URL of a
 * database that is that folder's alone, empty at first.
 */
export async function databaseOf(data: string): Promise<string> {
  if (engine === 'sqlite') return join(data, 'db', 'fleetca.sqlite');
  const known = urls.get(data) ?? ownPostgres().then((one) => one.newDatabase());
  urls.set(data, known);
  return known;
}

export const isOnServer = (database: string): boolean => database.startsWith('postgres://');

/** What tells a service of its database. */
export const environmentOf = (database: string): Readonly<Record<string, string>> =>
  isOnServer(database) ? { DATABASE_URL: database } : {};
