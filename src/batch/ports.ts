/** What a batch asks of the outside: a place for itself and the outcomes of its rows. */
import type { Act, KeyMaking } from '../ca/index.ts';
import type { Violation } from '../errors.ts';

export type RowStatus = 'issued' | 'replayed' | 'refused' | 'failed';
/** `interrupted`: the upload ended early, or the service did. */
export type AttemptState = 'receiving' | 'complete' | 'interrupted';

/** What a refused or failed row is told; the edge makes problem details of it. */
export interface RowProblem {
  readonly code: string;
  readonly message: string;
  readonly violations?: readonly Violation[];
}

export interface RowOutcome {
  /** From 1, as it stood in this upload. */
  readonly row: number;
  /** null where the row did not get so far. */
  readonly deviceId: string | null;
  readonly status: RowStatus;
  /** The certificate's intent; null unless issued or replayed. */
  readonly intentId: number | null;
  readonly problem: RowProblem | null;
  readonly warnings: readonly string[];
}

/** An outcome as read back: with its place in the batch and its certificate. */
export interface StoredOutcome extends RowOutcome {
  /** Position in the batch's append-only list, from 1. The cursor of `results?after=`. */
  readonly seq: number;
  readonly attempt: number;
  readonly serial: Uint8Array | null;
  readonly certificate: Uint8Array | null;
  /** The key that we made, as CMS EnvelopedData for the batch's recipient, until it is acknowledged. */
  readonly envelope: Uint8Array | null;
}

/** How keys of a lot are made: there is always a recipient. */
export interface LotKeyMaking extends KeyMaking {
  readonly recipient: Uint8Array;
}

/** How far envelopes are acknowledged, and how many were dropped on the way. */
export interface Acknowledged {
  readonly through: number;
  readonly dropped: number;
}

export interface BatchOpening {
  readonly id: string;
  readonly fleetId: number;
  readonly tokenId: string;
  /** null: the fleet's default. */
  readonly profile: string | null;
  readonly authority: string | null;
  /** Absent where every row brings its CSR. */
  readonly making?: LotKeyMaking;
}

export interface BatchCounts {
  readonly rows: number;
  readonly issued: number;
  readonly replayed: number;
  readonly refused: number;
  readonly failed: number;
}

export interface Attempt extends BatchCounts {
  readonly number: number;
  readonly state: AttemptState;
  readonly startedAt: Date;
  /** When its last outcomes were recorded; its begin where there are none. */
  readonly changedAt: Date;
  readonly endedAt: Date | null;
}

export interface Batch extends BatchOpening {
  readonly createdAt: Date;
  /** Sum over all attempts. */
  readonly lastSeq: number;
  /** Up to this `seq` the client has the keys; their envelopes are gone. */
  readonly acknowledged: number;
  /** Oldest first; at most the last 100. */
  readonly attempts: readonly Attempt[];
}

/** What batches are listed by; null: anything. */
export interface BatchSearch {
  readonly fleetId: number | null;
  /** Who opened it. */
  readonly tokenId: string | null;
  /** Of its last attempt. */
  readonly state: AttemptState | null;
}

/** A batch in a list. */
export interface BatchEntry extends BatchOpening {
  /** Counts up as batches are opened. */
  readonly number: number;
  readonly createdAt: Date;
  readonly last: Attempt;
}

export interface BatchPage {
  readonly batches: readonly BatchEntry[];
  /** Where to go on; null: that was the end. */
  readonly next: number | null;
}

/**
 * Batches are entities; each upload under one id is an attempt, and the outcomes of all attempts are
 * one append-only list. Commands are durable when they resolve and carry their audit entry.
 */
export interface BatchStore {
  /**
   * Makes the batch, or opens a further attempt of it. Rejects with `idempotency-key-reused` when the
   * id belongs to another fleet, or was opened with another profile, authority, recipient or kind of key.
   */
  openBatch(act: Act, runId: string, opening: BatchOpening): Promise<{ attempt: number }>;
  /** Appends outcomes in order and adds them to the attempt's counts. Gives the first one's `seq`. */
  recordOutcomes(
    act: Act,
    batchId: string,
    attempt: number,
    outcomes: readonly RowOutcome[],
  ): Promise<{ readonly firstSeq: number }>;
  /**
   * Drops the envelopes of outcomes up to `through`, a `seq`, in part: it goes some thousands of outcomes
   * on from where the last such command came to, and tells how far; ask again until it is `through`. The
   * same again changes nothing. Rejects with `bad-request` where `through` lies beyond the last outcome,
   * or the batch has no recipient.
   */
  acknowledgeOutcomes(act: Act, batchId: string, through: number): Promise<Acknowledged>;
  closeAttempt(act: Act, batchId: string, attempt: number, state: AttemptState): Promise<void>;
  findBatch(id: string): Promise<Batch | undefined>;
  /**
   * Batches, newest first: those that were opened before the one of `before`, a number (null: from the
   * newest on), at most `limit`. Looks at the `limit` first that are found by an index, or at a thousand
   * where more is asked: a page may be short, and empty, and not the last.
   */
  listBatches(search: BatchSearch, before: number | null, limit: number): Promise<BatchPage>;
  /** Outcomes with `seq` over `after`, in order of seq; of one attempt, or of all (null). */
  listOutcomes(
    batchId: string,
    attempt: number | null,
    after: number,
    limit: number,
  ): Promise<readonly StoredOutcome[]>;
}
