import { type Client, segment } from '../client/client.ts';
import { callJson } from '../client/json.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';

export interface Attempt {
  readonly number: number;
  readonly state: 'receiving' | 'complete' | 'interrupted';
  readonly rows: number;
  readonly issued: number;
  readonly replayed: number;
  readonly refused: number;
  readonly failed: number;
  readonly startedAt: string;
  readonly endedAt: string | null;
}

/** A batch as the service keeps it. */
export interface Batch {
  readonly id: string;
  readonly fleet: string;
  readonly profile: string | null;
  readonly authority: string | null;
  /** Of keys that the service makes. */
  readonly keyAlgorithm: string | null;
  readonly createdAt: string;
  readonly state: Attempt['state'];
  readonly attempts: readonly Attempt[];
}

export const batchPath = (id: string): string => `/v1/batches/${segment(id)}`;

export const getBatch = (client: Client, id: string): Promise<Batch> =>
  callJson<Batch>(client, { method: 'GET', path: batchPath(id) });

/** What became of the rows of a lot, for `$?`. `leftOut`: files of ours that were not sent. */
export function statusOfRows(
  { refused, failed }: Pick<Attempt, 'refused' | 'failed'>,
  leftOut = 0,
): ExitStatus {
  // A failed row is the service's fault: the same lot again may get it.
  if (failed > 0) return EXIT.tryAgain;
  return refused + leftOut > 0 ? EXIT.rowsRefused : EXIT.done;
}

/** What became of a batch whose last attempt has ended. */
export function statusOfBatch({ state, attempts }: Pick<Batch, 'state' | 'attempts'>): ExitStatus {
  const last = attempts.at(-1);
  return state === 'complete' && last ? statusOfRows(last) : EXIT.tryAgain;
}

/** Certificates that the attempts from `first` on issued. */
export const issuedSince = ({ attempts }: Pick<Batch, 'attempts'>, first: number): number =>
  attempts.filter(({ number }) => number >= first).reduce((sum, { issued }) => sum + issued, 0);
