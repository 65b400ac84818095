import type { Outcome } from './outcome.ts';
import type { RowCounts } from './pace.ts';

/** Which rows of a lot have been written, so that a lot that is sent again writes none twice. */
export interface WrittenRows {
  readonly counts: RowCounts;
  /**
   * True where this outcome is to be written, and takes it as written then. Rows come in the order of the
   * lot, from 1 on in every attempt. A row that had no certificate and has one now is due once more: else
   * its certificate would be lost.
   */
  take(outcome: Pick<Outcome, 'row' | 'status'>): boolean;
}

/** Of a lot of which nothing is written. Holds a number for each row without certificate. */
export function noRowsWritten(): WrittenRows {
  let done = 0;
  const bare = new Set<number>();
  return {
    get counts() {
      return { done, refused: bare.size };
    },
    take: ({ row, status }) => {
      const isBare = status === 'refused' || status === 'failed';
      if (row <= done) return !isBare && bare.delete(row);
      done = row;
      if (isBare) bare.add(row);
      return true;
    },
  };
}
