import { type Keystore, placeOf } from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import type { FileKeystore } from './file-keystore.ts';

/** For where no token is configured: what a person asked for cannot be had here. */
const noToken = async (): Promise<never> => {
  throw new PkiError('bad-request', 'This service has no token: pkcs11.module names one (docs/custody.md).');
};

const awayFromHere = async (keyId: string): Promise<never> => {
  throw new PkiError('signer-unavailable', `The key ${keyId} is in a token, and none is configured.`, {
    facts: { keyId },
  });
};

const NO_TOKEN: Keystore = {
  generate: noToken,
  adopt: noToken,
  findHeld: noToken,
  open: awayFromHere,
  destroy: awayFromHere,
  discard: async () => undefined,
};

const offline = async (keyId: string): Promise<never> => {
  throw new PkiError(
    'key-offline',
    `The key ${keyId} is offline: what it signs is signed in a ceremony, and taken in.`,
    { facts: { keyId } },
  );
};

const OFFLINE: Keystore = {
  generate: offline,
  adopt: offline,
  findHeld: offline,
  open: offline,
  destroy: offline,
  discard: async () => undefined,
};

/** Files and a token as one: the key's id says which. `list` and `has` tell of files alone. */
export function composeKeystores(files: FileKeystore, token: Keystore | null): FileKeystore {
  const held = token ?? NO_TOKEN;
  const places = { file: files, token: held, offline: OFFLINE } as const;
  const of = (keyId: string): Keystore => places[placeOf(keyId)];
  return {
    list: files.list,
    has: files.has,
    findHeld: held.findHeld,
    // Asynchronous throughout: a form that is refused is a rejection.
    open: async (keyId) => of(keyId).open(keyId),
    generate: async (keyId, algorithm) => of(keyId).generate(keyId, algorithm),
    adopt: async (keyId, pkcs8) => of(keyId).adopt(keyId, pkcs8),
    discard: async (keyId) => of(keyId).discard(keyId),
    destroy: async (keyId) => of(keyId).destroy(keyId),
  };
}
