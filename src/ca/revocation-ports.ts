import type { RevocationReason, RevokedEntry } from '../x509/index.ts';
import type { Act, CeremonyOrigin } from './ledger-records.ts';

/** Certificates that are revoked together, and what they have in common. */
export interface RevocationOrder {
  readonly fleetId: number;
  /** What the audit says of why these: all of a device, or of a batch, or that they came so from elsewhere. */
  readonly of: { readonly device: string } | { readonly batch: string } | { readonly import: 'elsewhere' };
  readonly fingerprints: readonly Uint8Array[];
  readonly reason: RevocationReason;
}

/** An intent that was given up: whether something was signed for it is not on record. */
export interface AbandonedIntent {
  readonly intentId: number;
  readonly fleetId: number;
  readonly issuerId: number;
  readonly serial: Uint8Array;
  /** null: it was an authority's. */
  readonly deviceId: string | null;
  readonly batchId: string | null;
  readonly notAfter: Date;
  readonly recordedAt: Date;
  readonly revokedAt: Date | null;
  readonly revocationReason: string | null;
}

/** A CRL that was published, but for its octets. */
export interface ListFacts {
  readonly issuerId: number;
  readonly number: number;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date;
  /** The last revocation that it was made of, as a number of the audit log; 0: none. */
  readonly covers: number;
  readonly entries: number;
}

/** Where the CRLs of an issuer stand. */
export interface ListState {
  /** The highest number that was ever recorded for it, also by an intent that came to nothing; 0: none. */
  readonly lastNumber: number;
  /** The newest that is published; null: none yet. */
  readonly published: ListFacts | null;
  /** The issuer's last revocation, as a number of the audit log; 0: none. */
  readonly lastRevocation: number;
  /** True where the published one is the issuer's last: it was made when its key had been given up. */
  readonly isSealed: boolean;
}

/** A CRL that is about to be signed. */
export interface ListIntent extends ListFacts {
  /** What `lastNumber` was when it was made: another that was recorded since refuses this one. */
  readonly after: number;
  /** SHA-256 of the tbsCertList. */
  readonly tbsDigest: Uint8Array;
}

/** A CRL as it is published. */
export interface RevocationList extends ListFacts {
  readonly der: Uint8Array;
}

/** Which revocations of an issuer a CRL lists. */
export interface RevocationQuery {
  readonly issuerId: number;
  /** Those up to this number of the audit log: what comes later changes no page. */
  readonly through: number;
  /**
   * The CRL before: what it listed, and had ended when it was made, is left out (RFC 5280, 3.3: an entry stays
   * until it was on one list that was made after the certificate's end).
   */
  readonly before: Pick<ListFacts, 'thisUpdate' | 'covers'> | null;
}

/**
 * The ledger of what is revoked and of the CRLs that say so. Commands are as those of `Ledger`; a single
 * certificate is revoked by `Ledger.markRevoked`, and is here then, too.
 */
export interface RevocationLedger {
  /**
   * Marks those of the certificates that are not revoked yet, in one transaction with one entry; those that are
   * keep their first mark. Gives how many it marked. Rejects whole where one is of another fleet, or is not there.
   */
  revokeCertificates(act: Act, order: RevocationOrder): Promise<number>;
  /** Intents of a fleet that were given up and carry this serial. They may have been signed all the same. */
  findAbandoned(fleetId: number, serial: Uint8Array): Promise<readonly AbandonedIntent[]>;
  /** All of a fleet, oldest first, those after an intent's number (0 for the first page). */
  listAbandoned(fleetId: number, after: number, limit: number): Promise<readonly AbandonedIntent[]>;
  /**
   * Puts the serial of an intent that was given up among those that CRLs are made of. The same again changes
   * nothing and gives the first mark. Rejects with `not-found` where it was not given up.
   */
  revokeAbandoned(act: Act, intentId: number, reason: RevocationReason): Promise<AbandonedIntent>;
  findListState(issuerId: number): Promise<ListState>;
  /** When the last certificate of a device ends that was ever intended under an issuer; null: there was none. */
  findLastEnd(issuerId: number): Promise<Date | null>;
  /** In order of serial, those after one (empty for the first page), at most `limit`. */
  listRevocations(query: RevocationQuery, after: Uint8Array, limit: number): Promise<readonly RevokedEntry[]>;
  /**
   * Stores what is about to be signed. Its number is used up, whatever comes of it. Rejects with `busy` where
   * another was recorded since, or the number does not grow; with `clock-behind` as for any intent, and where the
   * published one is younger. Where the issuer's key was given up, it must hold for as long as `lastListEnd` says,
   * and is the last: rejects with `busy` after that, and with `crl-not-possible` where the key is destroyed.
   */
  recordListIntent(act: Act, runId: string, intent: ListIntent): Promise<void>;
  /**
   * Completes it: from then on it is the published one, and the octets of that before are dropped. Rejects when
   * there is no such intent of this run, when it was completed before, or when one of a higher number was; with
   * `busy` where the issuer has its last one.
   */
  recordListIssued(act: Act, runId: string, issuerId: number, number: number, der: Uint8Array): Promise<void>;
  /**
   * Stores a CRL that was signed elsewhere, intent and completion in one: from then on it is the published one.
   * Rejects as both do.
   */
  recordListImported(
    act: Act,
    runId: string,
    intent: ListIntent,
    der: Uint8Array,
    ceremony: CeremonyOrigin | null,
  ): Promise<void>;
  /** The published one. */
  findList(issuerId: number): Promise<RevocationList | undefined>;
}
