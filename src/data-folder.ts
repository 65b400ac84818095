/**
 * The data folder at a start: database and keys, which belong together. Part of the composition root, and
 * nobody else imports it.
 */
import { existsSync } from 'node:fs';
import { chmod, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { type AuditLog, isAuthorityKeyId, type Ledger, placeOf, type Signer } from './ca/index.ts';
import { systemClock } from './clock.ts';
import { type Config, foreignEnvironment } from './config/index.ts';
import { PkiError } from './errors.ts';
import { modeProblem, octalMode, shellPath } from './file-mode.ts';
import { makeFolder } from './folder.ts';
import {
  composeKeystores,
  type FileKeystore,
  openKeystore,
  openTokenKeystore,
  openTokenLink,
  prepareKeyFolder,
  readPassphrase,
  readPin,
  type TokenLink,
} from './keystore/index.ts';
import type { Logger } from './log.ts';
import { systemRandom } from './random.ts';
import { openPostgresStore, openStore, type Store } from './store/index.ts';

/** The data folder is not as it must be, and the operator has to decide. The message is for a person. */
export class StartRefusal extends Error {
  override readonly name = 'StartRefusal';
}

export interface Opened {
  readonly store: Store;
  /** Files and the token, where there is one. */
  readonly keystore: FileKeystore;
  readonly token: TokenLink | null;
  readonly created: string[];
  /** Keys of authorities in the folder that nothing on record names. */
  readonly unnamed: readonly string[];
  /** Where the passphrase is from: sentences for a person. */
  readonly passphraseOrigin: string;
}

/** Nobody else reads the ledger, or puts another in its place. git checks db/ out as the umask has it. */
async function verifyDatabaseIsOurs({ dbFolder, databaseFile }: Config, isFirst: boolean): Promise<void> {
  const folder = await stat(dbFolder);
  const shut = folder.mode & 0o755;
  if (shut !== (folder.mode & 0o777)) {
    if (!isFirst) {
      throw new StartRefusal(
        `${dbFolder} has mode ${octalMode(folder.mode)}: others may replace the database. chmod ${octalMode(shut)} ${shellPath(dbFolder)}`,
      );
    }
    await chmod(dbFolder, shut);
  }
  for (const path of [databaseFile, `${databaseFile}-wal`, `${databaseFile}-shm`]) {
    if (!existsSync(path)) continue;
    const { mode } = await stat(path);
    if ((mode & 0o077) !== 0) throw new StartRefusal(modeProblem(path, mode, 0o600));
  }
}

/** Both folders, before anything in them is read. Database and keys belong together: neither starts alone. */
async function prepareFolders(
  config: Config,
): Promise<{ readonly isFirst: boolean; readonly holdsKeys: boolean }> {
  const { databaseFile, keysFolder, dbFolder } = config;
  const isEmbedded = config.databaseUrl() === null;
  const isFirst = isEmbedded && !existsSync(databaseFile);
  // A first start makes the key folder before the database, so this is none.
  if (isEmbedded && !isFirst && !existsSync(keysFolder)) {
    throw new StartRefusal(
      `There is a database at ${databaseFile}, but no ${keysFolder}. Put the key folder back, or point --data elsewhere.`,
    );
  }
  const holdsKeys = await prepareKeyFolder(keysFolder);
  if (isFirst && holdsKeys) {
    throw new StartRefusal(
      `${keysFolder} holds keys, but there is no database at ${databaseFile}. ` +
        'Put the database back, or point --data elsewhere: an empty one would know nothing of what those keys have signed.',
    );
  }
  await makeFolder(dbFolder, 0o700);
  if (isEmbedded) await verifyDatabaseIsOurs(config, isFirst);
  return { isFirst, holdsKeys };
}

/** Opens the ledger and the keys, or refuses with `StartRefusal`, `KeystoreSetupError` or `PkiError`. */
export async function openData(config: Config, log: Logger): Promise<Opened> {
  const created: string[] = [];
  const { isFirst, holdsKeys } = await prepareFolders(config);
  const url = config.databaseUrl();
  const run = {
    runId: Buffer.from(systemRandom.bytes(8)).toString('hex'),
    at: systemClock.now(),
    // An emptied database beside keys is no first start either.
    whenEmpty: holdsKeys ? 'refuse' : 'create',
  } as const;
  const store = await (url === null
    ? openStore({ ...run, file: config.databaseFile, cacheMiB: config.sqlite.cacheMib })
    : openPostgresStore({ ...run, url }));
  if (isFirst) created.push(`the database: ${config.databaseFile}`);
  try {
    const active = await activeKeys(store);
    const inToken = active.filter((id) => placeOf(id) === 'token');
    verifyTokenIsNamed(inToken, config);
    const due = active.filter((id) => placeOf(id) === 'file');
    // Before a passphrase is made: the keys that have to be put back are encrypted with another one.
    if (!holdsKeys) await verifyNeedsNoKeys(store, due, config);
    const { passphrase, origin, ...given } = await readPassphrase({
      folder: config.keysFolder,
      holdsKeys,
      sources: config.passphrase,
      random: systemRandom,
    });
    if (given.created)
      created.push(`a passphrase for the key files: ${join(config.keysFolder, 'passphrase')}`);
    const keystore = openKeystore({ folder: config.keysFolder, passphrase, random: systemRandom });
    const there = await keystore.list();
    verifyKeysAreThere(due, there, config);
    // A wrong passphrase shows here, not at the first request, nor in keys that differ in theirs.
    const [first] = [...due, ...there];
    if (first !== undefined) await openKey(keystore, first, origin);
    const named = new Set(await store.listKeyIds());
    const unnamed = there.filter((id) => isAuthorityKeyId(id) && !named.has(id));
    const token = await openToken(config, log);
    return {
      store,
      keystore: composeKeystores(keystore, token && openTokenKeystore(token, systemRandom)),
      token,
      created,
      unnamed,
      passphraseOrigin: origin,
    };
  } catch (failure) {
    await store.close(systemClock.now());
    throw failure;
  }
}

/**
 * Opens a key that a start needs. What is wrong with it is the operator's to put right: asking again helps
 * nobody. `origin` says where the passphrase is from, for one that does not fit.
 */
export async function openKey(keystore: FileKeystore, keyId: string, origin: string): Promise<Signer> {
  try {
    return await keystore.open(keyId);
  } catch (cause) {
    if (!(cause instanceof PkiError) || cause.code !== 'signer-unavailable') throw cause;
    const about = cause.facts.reason === 'passphrase' ? ` ${origin}` : '';
    throw new StartRefusal(`${cause.message}${about}`, { cause });
  }
}

function verifyTokenIsNamed(inToken: readonly string[], { pkcs11 }: Config): void {
  if (pkcs11 || inToken.length === 0) return;
  throw new StartRefusal(
    `The database names keys in a token, and no token is configured: ${inToken.join(', ')}. Set pkcs11.module and pkcs11.pinFile.`,
  );
}

/**
 * The link to the token, once the first attempt is over. A token that does not answer hinders no start: what needs no
 * new signature goes on, and all else is refused until it is back.
 */
async function openToken({ pkcs11 }: Config, log: Logger): Promise<TokenLink | null> {
  if (!pkcs11) return null;
  const { module, tokenLabel, pinFile, sessions } = pkcs11;
  const pin = await readPin(pinFile);
  if (!existsSync(module)) throw new StartRefusal(`There is no PKCS#11 module at ${module}.`);
  const link = openTokenLink({
    module,
    label: tokenLabel,
    pin: () => pin,
    sessions,
    environment: foreignEnvironment(),
    onChange: (problem) => {
      if (problem === null) log.info({ module, label: tokenLabel }, 'the token answers');
      else log.error({ module, label: tokenLabel, problem }, 'keys in the token cannot sign');
    },
  });
  await link.connection().catch(() => undefined);
  return link;
}

/** States in which a key signs: certificates, or at least CRLs. */
const SIGNING: ReadonlySet<string> = new Set(['staged', 'published', 'active', 'draining']);

async function activeKeys(ledger: Ledger): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let after = ''; ; ) {
    const page = await ledger.listFleets(after, 100);
    for (const { id } of page) {
      const generations = await ledger.listGenerations(id);
      ids.push(...generations.filter(({ state }) => SIGNING.has(state)).map(({ keyId }) => keyId));
    }
    const last = page.at(-1);
    if (!last) return ids;
    after = last.name;
  }
}

function verifyKeysAreThere(due: readonly string[], there: readonly string[], config: Config): void {
  const missing = due.filter((id) => !there.includes(id));
  if (missing.length === 0) return;
  throw new StartRefusal(
    `The database names keys that are not in ${config.keysFolder}: ${missing.join(', ')}. Put them back.`,
  );
}

/** True where the ledger says that the service had a CA of its own: its key was on disk before that entry. */
async function hadServiceCa(log: AuditLog): Promise<boolean> {
  for (let after = 0; ; ) {
    const page = await log.listAudit(after, 1000);
    if (page.some(({ action }) => action === 'service-ca-intent-recorded')) return true;
    const last = page.at(-1);
    if (!last) return false;
    after = last.seq;
  }
}

/** For a folder without a key: either the ledger never had one, or a first start was cut off before it made it. */
async function verifyNeedsNoKeys(store: Store, due: readonly string[], config: Config): Promise<void> {
  verifyKeysAreThere(due, [], config);
  // Without an authority nothing was issued, and the log is short.
  if (!(await hadServiceCa(store))) return;
  throw new StartRefusal(
    `The database was used with keys, and ${config.keysFolder} holds none. Put them back. ` +
      'Where they are lost, begin with a new data folder: no authority is active, so nothing that is issued hangs on them.',
  );
}
