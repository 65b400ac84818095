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

/** Where private keys of authorities are kept. A key id is `[a-z0-9.-]{1,160}`. */
export interface Keystore {
  /** Makes a key under an id that is not taken. When it resolves, the key is on disk. */
  generate(keyId: string, algorithm: KeyAlgorithm): Promise<Signer>;
  /** Takes a private key (PKCS#8, DER) under an id that is not taken. When it resolves, it is on disk. */
  adopt(keyId: string, pkcs8: Uint8Array): Promise<Signer>;
  /** Opens a key for signing; rejects with `signer-unavailable` when there is none or it cannot be read. */
  open(keyId: string): Promise<Signer>;
  /** Removes a key for good. Where there is none, nothing changes. For keys that no ledger names. */
  discard(keyId: string): Promise<void>;
}
