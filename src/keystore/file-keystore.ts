import { constants } from 'node:fs';
import { open as openFile, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { parsePem, readElement } from '../asn1/index.ts';
import type { Keystore, Signer } from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import type { Random } from '../random.ts';
import { encryptPrivateKey, parsePrivateKey } from '../x509/index.ts';
import { KEY_FILE_SUFFIX } from './key-folder.ts';
import { generatePrivateKey } from './key-pair.ts';
import { openKey } from './key-signer.ts';
import { syncFolder, writeSecretFile } from './secret-file.ts';
import { errnoOf } from './setup-error.ts';

export interface KeystoreInput {
  /** The key folder, after `prepareKeyFolder`. */
  readonly folder: string;
  readonly passphrase: string;
  readonly random: Random;
}

export interface FileKeystore extends Keystore {
  /** The ids of all keys, in bytewise order. */
  list(): Promise<readonly string[]>;
  has(keyId: string): Promise<boolean>;
}

/** Why a key cannot be opened; the fact `reason` of the refusal. */
type Reason = 'missing' | 'unreadable' | 'not-encrypted' | 'damaged' | 'passphrase';

const REASONS: Readonly<Record<Reason, string>> = {
  missing: 'its file is missing',
  unreadable: 'its file cannot be read',
  'not-encrypted': 'its file does not hold one encrypted key',
  damaged: 'its file is damaged',
  passphrase: 'the passphrase does not fit it',
};

function unavailable(keyId: string, reason: Reason, cause?: unknown): never {
  throw new PkiError('signer-unavailable', `The key ${keyId} cannot be opened: ${REASONS[reason]}.`, {
    facts: { keyId, reason },
    cause,
  });
}

/** Ids become file names: letters, digits, hyphens and single dots, none of them first. */
const KEY_ID = /^(?!\.)(?!.*\.\.)[a-z0-9.-]{1,160}$/;

function verifyKeyId(keyId: string): void {
  if (!KEY_ID.test(keyId))
    throw new Error('a key id is [a-z0-9.-]{1,160}, without "..", not beginning with a dot');
}

async function readKeyFile(path: string, keyId: string): Promise<string> {
  try {
    const handle = await openFile(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    try {
      return await handle.readFile('latin1');
    } finally {
      await handle.close();
    }
  } catch (failure) {
    const code = errnoOf(failure);
    if (code === undefined) throw failure;
    return unavailable(keyId, code === 'ENOENT' ? 'missing' : 'unreadable', failure);
  }
}

/** What is wrong with the envelope, before a passphrase is tried: a torn file is no wrong passphrase. */
function findEnvelopeFault(pem: string): Reason | undefined {
  try {
    const [block, second] = parsePem(pem);
    if (block?.label !== 'ENCRYPTED PRIVATE KEY' || second) return 'not-encrypted';
    return readElement(block.der).end === block.der.length ? undefined : 'damaged';
  } catch (refusal) {
    if (refusal instanceof PkiError) return 'damaged';
    throw refusal;
  }
}

async function decrypt(pem: string, passphrase: string, keyId: string): Promise<Signer> {
  try {
    return (await openKey(keyId, parsePrivateKey(pem, passphrase).pkcs8)).signer;
  } catch (refusal) {
    if (!(refusal instanceof PkiError)) throw refusal;
    // Without the cause: it was found in the decrypted key.
    return unavailable(keyId, refusal.code === 'bad-pem' ? 'passphrase' : 'damaged');
  }
}

/** What a failed write of a key file is to the caller. */
function storeFailure(keyId: string, failure: unknown): unknown {
  const code = errnoOf(failure);
  if (code === undefined) return failure;
  if (code === 'EEXIST') return new Error(`the key id ${keyId} is taken`, { cause: failure });
  const full = code === 'ENOSPC' || code === 'EDQUOT';
  return new PkiError(
    full ? 'storage-full' : 'storage-unavailable',
    full ? 'There is no room to store the key.' : 'The key cannot be stored now.',
    { facts: { keyId, errno: code }, cause: failure },
  );
}

/**
 * The keystore over encrypted files: one file a key, `<keyId>.pem`, PKCS#8 under PBES2, 0600. Opened
 * keys stay open. A taken id, or one of another form, rejects with a plain `Error`: the caller chose it.
 * `adopt` also rejects with `bad-key`, `broken-key`, `curve-not-allowed` or `algorithm-not-allowed`.
 */
export function openKeystore({ folder, passphrase, random }: KeystoreInput): FileKeystore {
  const opened = new Map<string, Promise<Signer>>();
  let passphraseFits = false;
  const pathOf = (keyId: string): string => join(folder, `${keyId}${KEY_FILE_SUFFIX}`);

  async function list(): Promise<readonly string[]> {
    const names = await readdir(folder).catch((cause: unknown) => {
      throw new PkiError('storage-unavailable', 'The key folder cannot be read now.', { cause });
    });
    const ids = names
      .filter((name) => name.endsWith(KEY_FILE_SUFFIX))
      .map((name) => name.slice(0, -KEY_FILE_SUFFIX.length));
    return ids.filter((id) => KEY_ID.test(id)).sort();
  }

  async function read(keyId: string): Promise<Signer> {
    const pem = await readKeyFile(pathOf(keyId), keyId);
    const fault = findEnvelopeFault(pem);
    if (fault) return unavailable(keyId, fault);
    const signer = await decrypt(pem, passphrase, keyId);
    passphraseFits = true;
    return signer;
  }

  function open(keyId: string): Promise<Signer> {
    const known = opened.get(keyId);
    if (known) return known;
    const opening = read(keyId);
    opened.set(keyId, opening);
    // A failure is not remembered: the file may be put back.
    opening.catch(() => opened.delete(keyId));
    return opening;
  }

  /**
   * All keys of a folder have one passphrase. A key written under a mistyped one would be lost on the
   * day that the mistake is put right, so the first write proves it on a key that is there.
   */
  async function verifyPassphrase(): Promise<void> {
    if (passphraseFits) return;
    for (const keyId of await list()) {
      try {
        await open(keyId);
        return;
      } catch (refusal) {
        // A file that is damaged by itself says nothing of the passphrase.
        if (!(refusal instanceof PkiError) || refusal.facts.reason === 'passphrase') throw refusal;
      }
    }
  }

  async function store(keyId: string, encoded: Uint8Array): Promise<Signer> {
    const { signer, pkcs8 } = await openKey(keyId, encoded);
    try {
      const pem = await encryptPrivateKey({
        pkcs8,
        passphrase,
        salt: random.bytes(16),
        iv: random.bytes(16),
      });
      await writeSecretFile(pathOf(keyId), pem);
    } catch (failure) {
      throw storeFailure(keyId, failure);
    } finally {
      pkcs8.fill(0);
    }
    passphraseFits = true;
    opened.set(keyId, Promise.resolve(signer));
    return signer;
  }

  async function remove(keyId: string): Promise<void> {
    verifyKeyId(keyId);
    opened.delete(keyId);
    await rm(pathOf(keyId), { force: true });
    await syncFolder(folder);
    // One that was being opened meanwhile is forgotten, too.
    opened.delete(keyId);
  }

  return {
    list,
    has: async (keyId) => (await list()).includes(keyId),
    open: async (keyId) => {
      verifyKeyId(keyId);
      return open(keyId);
    },
    generate: async (keyId, algorithm) => {
      verifyKeyId(keyId);
      await verifyPassphrase();
      const encoded = await generatePrivateKey(algorithm);
      try {
        return await store(keyId, encoded);
      } finally {
        encoded.fill(0);
      }
    },
    adopt: async (keyId, pkcs8) => {
      verifyKeyId(keyId);
      await verifyPassphrase();
      return store(keyId, pkcs8);
    },
    findHeld: async () => {
      throw new PkiError('bad-request', 'A key file is imported with its certificate, not found by a name.');
    },
    discard: remove,
    destroy: (keyId) =>
      remove(keyId).catch((cause: unknown) => {
        const errno = errnoOf(cause);
        if (errno === undefined) throw cause;
        const facts = { keyId, errno };
        throw new PkiError('storage-unavailable', 'The key file cannot be removed now.', { facts, cause });
      }),
  };
}
