import type { Act } from './ledger-records.ts';

/** Credentials that devices register with, whose certificate is about to be signed. */
export interface RegistrationIntent {
  /** 16 lower-case hex digits; whoever registers with them acts under it. */
  readonly id: string;
  readonly fleetId: number;
  readonly name: string;
  /** How many devices they are good for. */
  readonly maxDevices: number;
  /** The authority that issues the devices; null: the fleet's. */
  readonly authority: string | null;
  /** The profile that devices are made under; null: the target's. */
  readonly profile: string | null;
  /** The generation of the registration CA that signs. */
  readonly issuerId: number;
  readonly serial: Uint8Array;
  /** SHA-256 of the canonical SubjectPublicKeyInfo. */
  readonly keyDigest: Uint8Array;
  readonly tbsDigest: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Credentials that devices register with. */
export interface Registration extends RegistrationIntent {
  /** SHA-256 of the certificate: a peer is known by it. */
  readonly fingerprint: Uint8Array;
  readonly certificate: Uint8Array;
  readonly createdAt: Date;
  /** Devices that were registered with them. */
  readonly registered: number;
  readonly revokedAt: Date | null;
  readonly revocationReason: string | null;
}

/**
 * The ledger of what devices register with, which is no device: none of it is in the inventory. Commands
 * are as those of `Ledger`. What is spent of `maxDevices` is spent and given back where intents are: an
 * actor of kind `registration` spends by `Ledger.recordIntents` as a token with a quota does, and spends
 * nothing once its credentials are revoked or have ended: `unauthenticated`.
 */
export interface RegistrationLedger {
  /**
   * Stores what is about to be signed, and claims its key as one that no device and no authority ever
   * has. Rejects with `key-of-a-ca` or `key-of-another-device` when the key is in use, with `clock-behind`
   * as for any intent.
   */
  recordRegistrationIntent(act: Act, runId: string, intent: RegistrationIntent): Promise<void>;
  /** Completes it. Rejects when there is no such open intent of this run. */
  recordRegistrationIssued(
    act: Act,
    runId: string,
    id: string,
    certificate: Uint8Array,
  ): Promise<Registration>;
  /** By the SHA-256 of the certificate. */
  findRegistration(fingerprint: Uint8Array): Promise<Registration | undefined>;
  findRegistrationById(id: string): Promise<Registration | undefined>;
  /** Those of a fleet that have a certificate, in order of id, after `after` ('' for the first page). */
  listRegistrations(fleetId: number, after: string, limit: number): Promise<readonly Registration[]>;
  /** The same again changes nothing and gives the first mark. Rejects with `not-found`. */
  revokeRegistration(act: Act, id: string, reason: string): Promise<Registration>;
}
