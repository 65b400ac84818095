/**
 * What the authority asks of where keys are kept. The contract test in `test/keystore` holds every adapter to
 * each sentence here.
 */
import type { KeyObject } from 'node:crypto';
import type { KeyAlgorithm, SignatureAlgorithm } from '../x509/index.ts';

/** A key that signs for an authority. Where the key lives is the adapter's business. */
export interface Signer {
  /** What `sign` produces and what goes into the certificate's AlgorithmIdentifier. */
  readonly algorithm: SignatureAlgorithm;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /**
   * Signs the octets (the hash is the algorithm's). The answer is the content of the certificate's
   * signatureValue: an ECDSA-Sig-Value in DER, an RSA or an Ed25519 signature.
   * Rejects with `signer-unavailable` when the key cannot be reached now.
   */
  sign(tbs: Uint8Array): Promise<Uint8Array>;
  /**
   * The private key, where it may be copied into the service's own threads; null where it stays where
   * it is (a token).
   */
  readonly portable: KeyObject | null;
}

/**
 * Where a key lives: in an encrypted file of ours, in a token (PKCS#11) that never gives it away, or offline, where
 * the service cannot reach it and people sign with it in a ceremony.
 */
export type KeyPlace = 'file' | 'token' | 'offline';

/**
 * Names of keys that live in a token end so, and say which key is meant: `.token` was made there under its
 * name; `.adopted` was there before, and the part before that begins the SHA-256 of its public half, which no
 * label, and no move to another token, changes.
 */
export const TOKEN_SUFFIX = { made: '.token', adopted: '.adopted' } as const;
/** Hexadecimal digits of that digest. */
export const DIGEST_DIGITS = 24;

/** How names of keys end that the service has never had; before it the SHA-256 of the public half begins. */
export const OFFLINE_SUFFIX = '.offline';

/** Where the key with an id lives. */
export function placeOf(keyId: string): KeyPlace {
  if (keyId.endsWith(OFFLINE_SUFFIX)) return 'offline';
  return keyId.endsWith(TOKEN_SUFFIX.made) || keyId.endsWith(TOKEN_SUFFIX.adopted) ? 'token' : 'file';
}

/** A key that is in the token already. */
export interface HeldKey {
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** What a person should know of it: that it can leave the token, that it was not made there. */
  readonly warnings: readonly string[];
}

/** Where private keys of authorities are kept. A key id is `[a-z0-9.-]{1,160}`; `placeOf` says where it lives. */
export interface Keystore {
  /**
   * Makes a key under an id that is not taken. When it resolves, the key is kept. Rejects with
   * `algorithm-not-allowed` where the place makes no such keys, with `bad-request` where there is no such place.
   */
  generate(keyId: string, algorithm: KeyAlgorithm): Promise<Signer>;
  /** Takes a private key (PKCS#8, DER) under an id that is not taken. When it resolves, it is on disk. A token takes none. */
  adopt(keyId: string, pkcs8: Uint8Array): Promise<Signer>;
  /**
   * Opens a key for signing; rejects with `signer-unavailable` when there is none or it cannot be read, and with
   * `key-offline` where it is offline.
   */
  open(keyId: string): Promise<Signer>;
  /**
   * Finds the key in the token that has a label or an id (hexadecimal). Rejects with `bad-request` where there is
   * no token, or not one such key with its public half; with `signer-unavailable` where the token does not answer.
   */
  findHeld(name: string): Promise<HeldKey>;
  /**
   * Removes a key for good; one that was adopted in a token stays there. Where there is none, nothing changes.
   * For keys that no ledger names.
   */
  discard(keyId: string): Promise<void>;
  /**
   * Destroys a key for good, one that was adopted in a token as well: a person has decided it. When it resolves, the
   * key is gone from here, also after a loss of power. Where there is none, nothing changes. Rejects with
   * `storage-unavailable`, and with `signer-unavailable` where the token does not answer or does not let it go;
   * with `key-offline` where it is offline.
   */
  destroy(keyId: string): Promise<void>;
}
