import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { type Connection, openWriter } from '../../src/store/driver.ts';
import { migrate } from '../../src/store/migrate.ts';
import { connect } from '../../src/store/postgres/connect.ts';
import { PostgresSession } from '../../src/store/postgres/session.ts';
import { engine, isOnServer, ownPostgres } from './engine.ts';

const TABLES = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite!_%' ESCAPE '!'";
const THEIR_TABLES = `SELECT tablename::text AS name FROM pg_tables
  WHERE schemaname = current_schema() AND tablename <> 'schema_version'`;

const quoted = (name: string): string => `"${name}"`;

async function copyTable(theirs: PostgresSession, ours: Connection, table: string): Promise<void> {
  const columns = ours.prepare('SELECT name FROM pragma_table_info(?)').pluck().all(table) as string[];
  const list = columns.map(quoted).join(', ');
  const rows = await theirs.rows<Record<string, unknown>>(`SELECT ${list} FROM ${quoted(table)}`);
  const places = columns.map(() => '?').join(', ');
  const insert = ours.prepare(`INSERT INTO ${quoted(table)} (${list}) VALUES (${places})`);
  for (const row of rows) insert.run(columns.map((column) => row[column]));
}

/** Fills the tables of a new file with what a database held at one moment. */
async function copyLedger(url: string, file: string): Promise<void> {
  const client = await connect(url, 'test ledger', () => undefined);
  const ours = openWriter(file, () => undefined);
  try {
    migrate(ours);
    ours.pragma('synchronous = OFF');
    // What is wrong with the rows is for whoever looks at the file to find.
    ours.pragma('foreign_keys = OFF');
    const theirs = new PostgresSession(client, 'fresh');
    await theirs.script('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    const tables = ours.prepare(TABLES).pluck().all() as string[];
    const unknown = (await theirs.rows<{ name: string }>(THEIR_TABLES)).filter(
      ({ name }) => !tables.includes(name),
    );
    if (unknown.length > 0) throw new Error(`tables that SQLite has not: ${JSON.stringify(unknown)}`);
    ours.exec('BEGIN');
    for (const table of tables) await copyTable(theirs, ours, table);
    ours.exec('COMMIT');
  } finally {
    ours.close();
    await client.end();
  }
}

/**
 * Hands over a ledger as a file of SQLite: the file itself, or, since both engines have the same tables,
 * columns and rules, a copy of what a database on a server holds at one moment. So one set of questions
 * serves both. A row that SQLite's rules do not allow rejects.
 */
export async function withLedgerFile<T>(database: string, use: (file: string) => T): Promise<T> {
  if (!isOnServer(database)) return use(database);
  const folder = mkdtempSync(join(tmpdir(), 'fleetca-ledger-'));
  try {
    const file = join(folder, 'ledger.sqlite');
    await copyLedger(database, file);
    return use(file);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

const contentsOf = (folder: string): readonly Buffer[] =>
  readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map(({ name }) => readFileSync(join(folder, name)));

/**
 * All octets in which a secret could lie at rest: the files of SQLite; or the rows of PostgreSQL, what its
 * server has written ahead, and its log.
 */
export async function octetsAtRest(database: string): Promise<readonly Buffer[]> {
  if (engine === 'sqlite') return contentsOf(dirname(database));
  const { walFolder, log } = await ownPostgres();
  const rows = await withLedgerFile(database, (file) => readFileSync(file));
  return [rows, ...contentsOf(walFolder), Buffer.from(log())];
}
