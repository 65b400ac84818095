import type { BatchStore, RowStatus } from '../batch/index.ts';
import type { IssueTogether } from '../ca/index.ts';

/** A request on its own, or one row of a lot. */
export type Way = 'single' | 'lot';
export type CountOutcome = (way: Way, outcome: RowStatus, count: number) => void;

/** The same, and what becomes of each request is counted. */
export const countSingles =
  (issueTogether: IssueTogether, count: CountOutcome): IssueTogether =>
  async (request) => {
    try {
      const outcome = await issueTogether(request);
      count('single', outcome.status, 1);
      return outcome;
    } catch (failure) {
      count('single', 'failed', 1);
      throw failure;
    }
  };

/** The same, and outcomes of rows are counted when they are on record. */
export const countLots = (batches: BatchStore, count: CountOutcome): BatchStore => ({
  ...batches,
  recordOutcomes: async (act, batchId, attempt, outcomes) => {
    const recorded = await batches.recordOutcomes(act, batchId, attempt, outcomes);
    for (const { status } of outcomes) count('lot', status, 1);
    return recorded;
  },
});
