import { existsSync } from 'node:fs';
import { mkdtemp, rename, rm } from 'node:fs/promises';
import { userInfo } from 'node:os';
import { dirname, join } from 'node:path';
import { keepIn, type Manifest, readBackup } from '../backup/index.ts';
import { systemClock } from '../clock.ts';
import { type Config, foreignEnvironment } from '../config/index.ts';
import { makeFolder } from '../folder.ts';
import { prepareKeyFolder, syncFolder } from '../keystore/index.ts';
import { systemRandom } from '../random.ts';
import {
  type DumpSettings,
  openPostgresStore,
  openStoreInProcess,
  restoreDump,
  verifyEmptyDatabase,
} from '../store/index.ts';
import { LocalFailure } from './local-failure.ts';

/** What the database is called in a backup, by its engine. */
export const DATABASE_NAME = { sqlite: 'db/fleetca.sqlite', postgres: 'db/fleetca.pgdump' } as const;

export const dumpSettings = (config: Config, url: string): DumpSettings => ({
  url,
  programs: config.postgresPrograms,
  environment: foreignEnvironment(),
});

const taken = (message: string): LocalFailure =>
  new LocalFailure('setup', message, {
    hint: 'name an empty folder with --data; what is there is never overwritten',
  });

/** Nothing that is there is replaced, and nothing is mixed with what is there. */
async function verifyHoldsNothing(config: Config): Promise<void> {
  if (existsSync(config.databaseFile)) throw taken(`There is a database at ${config.databaseFile}.`);
  await makeFolder(config.data, 0o755);
  if (await prepareKeyFolder(config.keysFolder)) throw taken(`${config.keysFolder} holds keys.`);
  const url = config.databaseUrl();
  if (url !== null) await verifyEmptyDatabase(dumpSettings(config, url));
}

function verifyEngine({ engine }: Manifest, url: string | null): void {
  const due = url === null ? 'sqlite' : 'postgres';
  if (engine === due) return;
  throw new LocalFailure(
    'usage',
    engine === 'postgres'
      ? 'The backup is of a database in PostgreSQL: name an empty one with DATABASE_URL.'
      : 'The backup is of a database in SQLite: DATABASE_URL must not be set.',
  );
}

/** Marks the ledger as put back, before anybody can sign with it. */
async function markRestored(config: Config, file: string, manifest: Manifest): Promise<void> {
  const at = systemClock.now();
  const runId = Buffer.from(systemRandom.bytes(8)).toString('hex');
  const url = config.databaseUrl();
  if (url !== null) await restoreDump(dumpSettings(config, url), file);
  const store = await (url === null
    ? openStoreInProcess({ file, runId, at, whenEmpty: 'refuse' })
    : openPostgresStore({ url, runId, at, whenEmpty: 'refuse' }));
  try {
    const actor = { kind: 'operator', id: userInfo().username, role: 'operator' } as const;
    await store.recordRestoration({ at, actor }, new Date(manifest.copiedAt));
  } finally {
    await store.close(systemClock.now());
  }
}

/** Moves files from below one folder to below another; where one is there, rejects. */
async function moveFiles(from: string, to: string, paths: readonly string[]): Promise<void> {
  for (const path of paths) {
    const target = join(to, path);
    if (existsSync(target)) throw taken(`${target} is there.`);
    await makeFolder(dirname(target), 0o700);
    await rename(join(from, path), target);
    await syncFolder(dirname(target));
  }
}

/**
 * Puts a backup into a data folder that holds nothing. First all of it is read and proven, beside; then the database is
 * marked; then keys and configuration are moved to their places, and the database last: where that is cut off, there are
 * keys without a database, with which no service starts. Rejects with `BackupError`, `setup`, `usage`.
 */
export async function restoreInto(config: Config, octets: AsyncIterable<Uint8Array>): Promise<Manifest> {
  await verifyHoldsNothing(config);
  const folder = await mkdtemp(join(config.data, 'restore-'));
  try {
    const manifest = await readBackup(octets, keepIn(folder));
    verifyEngine(manifest, config.databaseUrl());
    const database = DATABASE_NAME[manifest.engine];
    await markRestored(config, join(folder, database), manifest);
    const beside = manifest.files.map(({ path }) => path).filter((path) => path !== database);
    await moveFiles(folder, config.data, beside);
    await makeFolder(config.dbFolder, 0o700);
    if (manifest.engine === 'sqlite') await moveFiles(folder, config.data, [database]);
    return manifest;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
