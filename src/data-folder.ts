/**
 * The data folder at a start: database and keys, which belong together. Part of the composition root, and
 * nobody else imports it.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { isAuthorityKeyId, type Ledger, type Signer } from './ca/index.ts';
import { systemClock } from './clock.ts';
import type { Config } from './config/index.ts';
import { PkiError } from './errors.ts';
import { makeFolder } from './folder.ts';
import { type FileKeystore, openKeystore, prepareKeyFolder, readPassphrase } from './keystore/index.ts';
import { systemRandom } from './random.ts';
import { openPostgresStore, openStore, type Store } from './store/index.ts';

/** The data folder is not as it must be, and the operator has to decide. The message is for a person. */
export class StartRefusal extends Error {
  override readonly name = 'StartRefusal';
}

export interface Opened {
  readonly store: Store;
  readonly keystore: FileKeystore;
  readonly created: string[];
  /** Keys of authorities in the folder that nothing on record names. */
  readonly unnamed: readonly string[];
}

/** Database and keys belong together: one without the other is a restore that went wrong, never a start. */
export async function openData(config: Config): Promise<Opened> {
  const created: string[] = [];
  const holdsKeys = await prepareKeyFolder(config.keysFolder);
  const url = config.databaseUrl();
  const isFirst = url === null && !existsSync(config.databaseFile);
  if (isFirst && holdsKeys) {
    throw new StartRefusal(
      `${config.keysFolder} holds keys, but there is no database at ${config.databaseFile}. ` +
        'Put the database back, or point --data elsewhere: an empty one would know nothing of what those keys have signed.',
    );
  }
  await makeFolder(config.dbFolder, 0o700);
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
    const due = await activeKeys(store);
    // Before a passphrase is made: the keys that have to be put back are encrypted with another one.
    if (!holdsKeys) verifyKeysAreThere(due, [], config);
    const { passphrase, ...given } = await readPassphrase({
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
    if (first !== undefined) await openKey(keystore, first);
    const named = new Set(await store.listKeyIds());
    const unnamed = there.filter((id) => isAuthorityKeyId(id) && !named.has(id));
    return { store, keystore, created, unnamed };
  } catch (failure) {
    await store.close(systemClock.now());
    throw failure;
  }
}

/** Opens a key that a start needs. What is wrong with it is the operator's to put right: asking again helps nobody. */
export async function openKey(keystore: FileKeystore, keyId: string): Promise<Signer> {
  try {
    return await keystore.open(keyId);
  } catch (cause) {
    if (!(cause instanceof PkiError) || cause.code !== 'signer-unavailable') throw cause;
    throw new StartRefusal(cause.message, { cause });
  }
}

async function activeKeys(ledger: Ledger): Promise<readonly string[]> {
  const ids: string[] = [];
  for (let after = ''; ; ) {
    const page = await ledger.listFleets(after, 100);
    for (const { id } of page) {
      const generations = await ledger.listGenerations(id);
      ids.push(...generations.filter(({ state }) => state === 'active').map(({ keyId }) => keyId));
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
