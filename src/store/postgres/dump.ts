import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { PkiError } from '../../errors.ts';
import type { LedgerSummary } from '../summary.ts';
import { summarizeLedger } from '../summary.ts';
import { connect } from './connect.ts';
import { postgresError } from './failure.ts';
import { verifyOurs } from './migrate.ts';
import { PostgresSession } from './session.ts';

/** How the server's own programs are run. */
export interface DumpSettings {
  readonly url: string;
  /** The folder with `pg_dump` and `pg_restore`; null: where Debian's packages put them, else by PATH. */
  readonly programs: string | null;
  /** The environment of this process, without what is ours. */
  readonly environment: Readonly<Record<string, string | undefined>>;
}

const unusable = (message: string, cause?: unknown): PkiError =>
  new PkiError('storage-unavailable', message, cause === undefined ? {} : { cause });

/** The password goes by the environment: a command line is everybody's to read. */
function connectionOf({ url, environment }: DumpSettings) {
  const target = new URL(url);
  const password = decodeURIComponent(target.password);
  target.password = '';
  return {
    target: target.toString(),
    env: { ...environment, ...(password === '' ? {} : { PGPASSWORD: password }) },
  };
}

interface Ended {
  readonly status: number;
  readonly out: string;
  readonly err: string;
}

async function run(
  program: string,
  args: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): Promise<Ended> {
  const child = spawn(program, args, { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let out = '';
  let err = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err = `${err}${text}`.slice(-4_096);
  });
  const [status] = await once(child, 'close').catch((cause: unknown) => {
    throw unusable(
      `${program} cannot be run. Install the client of the server's version, or name its folder with backup.postgresPrograms.`,
      cause,
    );
  });
  return { status: status ?? 1, out, err };
}

/** The program of the server's own major version. Refuses `storage-unavailable` any other. */
async function findProgram(
  name: 'pg_dump' | 'pg_restore',
  major: number,
  { programs, environment }: DumpSettings,
): Promise<string> {
  const debian = `/usr/lib/postgresql/${major}/bin`;
  const folder = programs ?? (existsSync(join(debian, name)) ? debian : null);
  const program = folder === null ? name : join(folder, name);
  const { out } = await run(program, ['--version'], environment);
  const found = /\(PostgreSQL\) (\d+)/.exec(out)?.[1];
  if (Number(found) === major) return program;
  throw unusable(
    `${program} is of PostgreSQL ${found ?? 'no version that it names'}, and the server of ${major}. Name the folder of the server's own programs with backup.postgresPrograms.`,
  );
}

async function majorOf(session: PostgresSession): Promise<number> {
  const [row] = await session.rows<{ version: string }>(
    `SELECT current_setting('server_version_num') AS version`,
  );
  return Math.floor(Number(row?.version ?? 0) / 10_000);
}

/**
 * Writes what the database holds at one moment into a file, in the custom format of `pg_dump`. Gives what it holds. The
 * service and its writers go on. Rejects with `storage-unavailable`.
 */
export async function dumpDatabase(settings: DumpSettings, to: string): Promise<LedgerSummary> {
  const client = await connect(settings.url, 'fleetca backup', () => undefined);
  const session = new PostgresSession(client, 'fresh');
  try {
    await session.script('BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY');
    await verifyOurs(session, 'refuse');
    const program = await findProgram('pg_dump', await majorOf(session), settings);
    const summary = await session.answer(summarizeLedger());
    // The dump sees what this transaction sees.
    const [snapshot] = await session.rows<{ name: string }>('SELECT pg_export_snapshot() AS name');
    const [schema] = await session.rows<{ name: string }>('SELECT current_schema()::text AS name');
    const { target, env } = connectionOf(settings);
    const { status, err } = await run(
      program,
      [
        '--format=custom',
        '--no-owner',
        '--no-privileges',
        `--schema=${schema?.name ?? 'public'}`,
        `--snapshot=${snapshot?.name ?? ''}`,
        `--file=${to}`,
        `--dbname=${target}`,
      ],
      env,
    );
    if (status !== 0) throw unusable(`pg_dump has failed: ${err.trim()}`);
    return summary;
  } catch (failure) {
    throw postgresError(failure);
  } finally {
    await client.end().catch(() => undefined);
  }
}

const TABLES = `SELECT relname::text AS name FROM pg_class WHERE relnamespace = current_schema()::regnamespace
  AND relkind IN ('r', 'p', 'v', 'm', 'f') LIMIT 1`;

/** Refuses `already-exists` where the database holds anything. */
export async function verifyEmptyDatabase({ url }: Pick<DumpSettings, 'url'>): Promise<void> {
  const client = await connect(url, 'fleetca restore', () => undefined);
  try {
    const [table] = await new PostgresSession(client, 'fresh').rows(TABLES);
    if (table)
      throw new PkiError('already-exists', 'The database holds tables. A backup is put into an empty one.');
  } catch (failure) {
    throw postgresError(failure);
  } finally {
    await client.end().catch(() => undefined);
  }
}

/** Fills an empty database from a dump, all of it or nothing. Rejects with `storage-unavailable`. */
export async function restoreDump(settings: DumpSettings, from: string): Promise<void> {
  const client = await connect(settings.url, 'fleetca restore', () => undefined);
  try {
    const session = new PostgresSession(client, 'fresh');
    const program = await findProgram('pg_restore', await majorOf(session), settings);
    // What is in the schema, not the schema, which is there.
    const [schema] = await session.rows<{ name: string }>('SELECT current_schema()::text AS name');
    const { target, env } = connectionOf(settings);
    const { status, err } = await run(
      program,
      [
        '--no-owner',
        '--no-privileges',
        '--single-transaction',
        '--exit-on-error',
        `--schema=${schema?.name ?? 'public'}`,
        `--dbname=${target}`,
        from,
      ],
      env,
    );
    if (status !== 0) throw unusable(`pg_restore has failed: ${err.trim()}`);
  } catch (failure) {
    throw postgresError(failure);
  } finally {
    await client.end().catch(() => undefined);
  }
}
