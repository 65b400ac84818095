import { createReadStream, existsSync } from 'node:fs';
import { chmod, mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { join, relative } from 'node:path';
import {
  decrypt,
  encrypt,
  keepNothing,
  type Manifest,
  type Opener,
  type Readers,
  readBackup,
  type Source,
  writeBackup,
} from '../../backup/index.ts';
import { placeOf } from '../../ca/index.ts';
import { systemClock } from '../../clock.ts';
import { type Config, loadConfig } from '../../config/index.ts';
import { readVersion } from '../../package-root.ts';
import { copyDatabase, dumpDatabase, type LedgerSummary } from '../../store/index.ts';
import { readPassphraseFile, readTextFile, saveFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { fileFailure, LocalFailure } from '../local-failure.ts';
import { show } from '../output.ts';
import { DATABASE_NAME, dumpSettings, restoreInto } from '../restore-data.ts';
import { setupFailure } from '../setup-failure.ts';
import { formatFields } from '../table.ts';

interface CreateWish {
  readonly passphraseFile?: string;
  readonly recipient?: readonly string[];
  readonly withoutPassphrase?: true;
}

interface OpenWish {
  readonly passphraseFile?: string;
  readonly identityFile?: string;
}

const PASSPHRASE_PATH = 'keys/passphrase';

async function readersOf({ passphraseFile, recipient = [] }: CreateWish): Promise<Readers> {
  if ((passphraseFile === undefined) === (recipient.length === 0))
    throw new LocalFailure('usage', 'One of --passphrase-file and --recipient says who can read the backup.');
  return passphraseFile === undefined
    ? { recipients: recipient }
    : { passphrase: await readPassphraseFile(passphraseFile) };
}

async function openerOf({ passphraseFile, identityFile }: OpenWish): Promise<Opener> {
  if ((passphraseFile === undefined) === (identityFile === undefined))
    throw new LocalFailure('usage', 'One of --passphrase-file and --identity-file opens the backup.');
  if (passphraseFile !== undefined) return { passphrase: await readPassphraseFile(passphraseFile) };
  const lines = (await readTextFile(identityFile ?? '')).split(/\r?\n/).map((line) => line.trim());
  const identities = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (identities.length === 0) throw new LocalFailure('usage', `${identityFile} holds no identity.`);
  return { identities };
}

/** The files of a folder. What a crash left behind begins with a dot, and the README is the repository's. */
async function filesIn(folder: string): Promise<readonly string[]> {
  if (!existsSync(folder)) return [];
  const entries = await readdir(folder, { withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile() && !entry.name.startsWith('.') && entry.name !== 'README.md')
    .map(({ name }) => join(folder, name))
    .sort();
}

async function sourcesBeside(config: Config, { withoutPassphrase }: CreateWish): Promise<readonly Source[]> {
  const { data, keysFolder, profilesFolder, configFile } = config;
  const own = configFile === join(data, 'fleetca.yaml') ? [configFile] : [];
  const files = [...(await filesIn(keysFolder)), ...(await filesIn(profilesFolder)), ...own];
  return files
    .map((from) => ({ from, path: relative(data, from) }))
    .filter(({ path }) => !(withoutPassphrase && path === PASSPHRASE_PATH));
}

async function copyLedger(config: Config, to: string): Promise<LedgerSummary> {
  const url = config.databaseUrl();
  if (url !== null) return dumpDatabase(dumpSettings(config, url), to);
  if (existsSync(config.databaseFile)) return copyDatabase(config.databaseFile, to);
  throw new LocalFailure('setup', `There is no database at ${config.databaseFile}.`, {
    hint: 'say where the data folder is with --data',
  });
}

/** A key is on disk before the ledger names it, so those that a copy names are there when it is made. */
function verifyHasKeys({ keyIds }: LedgerSummary, sources: readonly Source[]): void {
  const there = new Set(sources.map(({ path }) => path));
  const missing = keyIds.filter((id) => placeOf(id) === 'file' && !there.has(`keys/${id}.pem`));
  if (missing.length === 0) return;
  throw new LocalFailure(
    'setup',
    `The database names keys that are not in the key folder: ${missing.join(', ')}. Nothing was written.`,
  );
}

/** Writes what comes to a file that was not there; nothing is left where that fails. */
async function writeNew(path: string, octets: AsyncIterable<Uint8Array>): Promise<void> {
  if (existsSync(path)) throw fileFailure(path, Object.assign(new Error('it is there'), { code: 'EEXIST' }));
  await saveFile(path, 0o600, octets);
}

const manifestLines = (manifest: Manifest, octets: number): string =>
  formatFields([
    ['made', `${manifest.copiedAt}, by fleetca ${manifest.program}`],
    ['database', manifest.engine],
    ['audit log', `${manifest.ledger.entries} entries, head ${manifest.ledger.head}`],
    ['fleets', manifest.ledger.fleets],
    ['files', `${manifest.files.length}, ${manifest.files.reduce((sum, { size }) => sum + size, 0)} octets`],
    ['encrypted', `${octets} octets`],
    ['passphrase of the keys', manifest.passphrase === 'included' ? 'in it' : 'not in it: kept elsewhere'],
    [
      'keys in tokens',
      manifest.keysInTokens.length === 0 ? 'none' : `${manifest.keysInTokens.join(', ')}: not in it`,
    ],
  ]);

async function create(config: Config, file: string, wish: CreateWish): Promise<Manifest> {
  const readers = await readersOf(wish);
  const engine = config.databaseUrl() === null ? 'sqlite' : 'postgres';
  // Of the data folder's own disk and rights: what lies there for a while is the database in the clear.
  const folder = await mkdtemp(join(config.data, 'backup-')).catch((failure) => {
    throw fileFailure(config.data, failure);
  });
  try {
    await chmod(folder, 0o700);
    const copy = join(folder, 'database');
    // 1. The database as it is at one moment. 2. The keys, which hold all that it names, and perhaps newer ones.
    const copiedAt = systemClock.now().toISOString();
    const ledger = await copyLedger(config, copy);
    const sources = await sourcesBeside(config, wish);
    verifyHasKeys(ledger, sources);
    const { entries, head, fleets, keyIds } = ledger;
    const facts: Omit<Manifest, 'files'> = {
      format: 'fleetca-backup',
      version: 1,
      program: readVersion(),
      engine,
      copiedAt,
      ledger: { entries, head, fleets },
      keysInTokens: keyIds.filter((id) => placeOf(id) === 'token'),
      passphrase: sources.some(({ path }) => path === PASSPHRASE_PATH) ? 'included' : 'not-included',
    };
    const all = [...sources, { from: copy, path: DATABASE_NAME[engine] }];
    let whole: Manifest | undefined;
    const octets = writeBackup(all, facts, (manifest) => {
      whole = manifest;
    });
    await writeNew(file, encrypt(octets, readers));
    if (!whole) throw new Error('the backup ended before its manifest');
    return whole;
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** `backup create`. */
export async function createBackup(
  { globals, output }: Invocation,
  file: string,
  wish: CreateWish,
): Promise<undefined> {
  try {
    const config = loadConfig({ flags: { data: globals.data } });
    const manifest = await create(config, file, wish);
    const { size } = await stat(file);
    await show(output, { file, size, ...manifest }, () => manifestLines(manifest, size));
  } catch (failure) {
    throw setupFailure(failure);
  }
}

const octetsOf = async function* (file: string): AsyncGenerator<Uint8Array> {
  try {
    yield* createReadStream(file, { highWaterMark: 1 << 20 });
  } catch (failure) {
    throw fileFailure(file, failure);
  }
};

/** `backup inspect`. */
export async function inspectBackup(
  { output }: Invocation,
  file: string,
  wish: OpenWish,
): Promise<undefined> {
  try {
    const manifest = await readBackup(decrypt(octetsOf(file), await openerOf(wish)), keepNothing);
    const { size } = await stat(file);
    await show(output, { file, size, ...manifest }, () => manifestLines(manifest, size));
  } catch (failure) {
    throw setupFailure(failure);
  }
}

/** `backup restore`. */
export async function restoreBackup(
  { globals, output }: Invocation,
  file: string,
  wish: OpenWish,
): Promise<undefined> {
  try {
    const config = loadConfig({ flags: { data: globals.data } });
    const manifest = await restoreInto(config, decrypt(octetsOf(file), await openerOf(wish)));
    const { size } = await stat(file);
    await show(output, { file, data: config.data, ...manifest }, () => manifestLines(manifest, size));
    if (output.json) return;
    output.say('Next: fleetca serve, then fleetca backup settle. Until that, the service signs nothing.');
  } catch (failure) {
    throw setupFailure(failure);
  }
}
