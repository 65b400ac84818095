import type { Act, Generation } from './ledger-records.ts';

/** A link certificate that is about to be signed. */
export interface LinkIntent {
  readonly fleetId: number;
  /** The root that it is about. */
  readonly subjectId: number;
  /** The root that signs it. */
  readonly issuerId: number;
  readonly profile: string;
  readonly profileDigest: Uint8Array;
  /** SHA-256 of the subject's SubjectPublicKeyInfo. */
  readonly keyDigest: Uint8Array;
  readonly serial: Uint8Array;
  readonly tbsDigest: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** The ledger of link certificates. Commands are as those of `Ledger`. */
export interface LinkLedger {
  /** Stores the intent of a link. Rejects with `already-exists` where the pair has one, and with `clock-behind`. */
  recordLinkIntent(act: Act, runId: string, intent: LinkIntent): Promise<{ intentId: number }>;
  /** Completes it, and gives its root. Rejects when there is no such open intent of this run, or the pair has a link. */
  recordLinkIssued(act: Act, runId: string, intentId: number, certificate: Uint8Array): Promise<Generation>;
}
