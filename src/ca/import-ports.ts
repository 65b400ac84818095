import type { Fact, RefusalCode } from '../errors.ts';
import type { RevocationReason } from '../x509/index.ts';
import type { Act, LeafRow } from './ledger-records.ts';

/** A device certificate that was issued elsewhere: read, and its signature verified under an issuer on record. */
export interface ForeignRow extends LeafRow {
  /** SHA-256 of the DER. */
  readonly fingerprint: Uint8Array;
  readonly der: Uint8Array;
  /** null: it is not revoked. */
  readonly revocation: { readonly at: Date; readonly reason: RevocationReason } | null;
}

/** Rows that one transaction takes, at most 500. */
export interface ForeignChunk {
  readonly act: Act;
  readonly runId: string;
  readonly fleetId: number;
  readonly rows: readonly ForeignRow[];
}

/** What becomes of a row. */
export type ForeignVerdict =
  /** `keyElsewhere`: a device of another fleet has the same key. */
  | { readonly verdict: 'imported'; readonly keyElsewhere: boolean }
  /** The same certificate is on record. */
  | { readonly verdict: 'known'; readonly isRevoked: boolean }
  | {
      readonly verdict: 'refused';
      readonly code: RefusalCode;
      readonly message: string;
      readonly facts: Readonly<Record<string, Fact>>;
    };

/** The ledger of what was issued elsewhere. Commands are as those of `Ledger`. */
export interface ImportLedger {
  /**
   * What `recordForeign` would say. Nothing is written, and of earlier calls it knows nothing: what contradicts rows
   * of another chunk alone is not seen.
   */
  judgeForeign(chunk: ForeignChunk): Promise<readonly ForeignVerdict[]>;
  /**
   * Takes certificates into the inventory. One verdict a row, same order; a row sees those before it. Refused are:
   * - a serial that the issuer has given another certificate: `already-exists`; so is one that a CRL has revoked here
   *   before its certificate came;
   * - another ID with the same folded one: `device-id-twin`; a scrapped device: `device-scrapped`;
   * - a CA's key: `key-of-a-ca`; the key of another device of the fleet: `key-of-another-device`;
   * - a device with a request under way or given up: `busy`.
   * The newest of a device that is not revoked holds its slot (device, profile), unless one does that was issued here;
   * those that do not are marked superseded. What comes revoked is revoked as of its own date, for its own reason.
   * The same again changes nothing. Rejects whole as intents do where the clock is behind or a restoration is not settled.
   */
  recordForeign(chunk: ForeignChunk): Promise<readonly ForeignVerdict[]>;
}
