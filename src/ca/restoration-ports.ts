import type { RevokedEntry } from '../x509/index.ts';
import type { Act } from './ledger-records.ts';

/** That the ledger is a copy that was put back. */
export interface Restoration {
  /** When the copy was made. */
  readonly copiedAt: Date;
  readonly restoredAt: Date;
  /** The last entry of the audit log that the copy had: whoever kept a later one sees where the log forks. */
  readonly lastEntry: number;
  readonly settledAt: Date | null;
}

/** A CRL of an authority on record that comes from outside, but for its entries. */
export interface GivenList {
  readonly issuerId: number;
  /** Null: it has none, or its key is offline: then it uses none up. */
  readonly number: number | null;
  readonly thisUpdate: Date;
  /** SHA-256 of its DER. */
  readonly digest: Uint8Array;
}

/** What became of entries of such a CRL. */
export interface TakenEntries {
  /** Certificates, and intents that were given up, which are revoked by this. */
  readonly revoked: number;
  /** They keep their first mark. */
  readonly before: number;
  /** Nothing is on record of them; CRLs list them from now on. */
  readonly unknown: number;
}

/**
 * The ledger of what was put back, and of the CRLs that tell what it does not know. Commands are as those of
 * `Ledger`. While a restoration is not settled, every intent is refused with `restoration-not-settled`, whatever it
 * is for.
 */
export interface RestorationLedger {
  /** Marks the ledger as put back. Nothing is signed until `settleRestoration`. */
  recordRestoration(act: Act, copiedAt: Date): Promise<Restoration>;
  /** The newest; undefined: there was none. */
  findRestoration(): Promise<Restoration | undefined>;
  /**
   * Lets the service sign again. `without` names authorities whose CRL was not at hand. Rejects with `not-found` where
   * nothing waits for it.
   */
  settleRestoration(act: Act, reason: string, without: readonly string[]): Promise<Restoration>;

  /** CRLs of an issuer that came from outside since an instant; all with the epoch. */
  listTakenLists(issuerId: number, since: Date): Promise<readonly GivenList[]>;
  /**
   * Revokes what entries of a CRL name, at most 500: certificates on record and intents that were given up are marked,
   * by the moment of `act`; other serials are listed in every CRL of the issuer from then on, as of their own date.
   * The same again changes nothing.
   */
  takeEntries(act: Act, list: GivenList, entries: readonly RevokedEntry[]): Promise<TakenEntries>;
  /** Uses up the number of a CRL whose entries are all taken. The same again changes nothing. */
  recordListTaken(act: Act, list: GivenList): Promise<void>;
}
