import type { BatchStore, StoredOutcome } from './ports.ts';
import type { Progress } from './progress.ts';

/** Outcomes read at a time. */
const PAGE = 128;

/**
 * The outcomes of one attempt in input order, as they come to be recorded: ends when the upload has
 * ended and all is read. Reads no faster than its consumer takes. What was recorded just now is at
 * hand; a consumer that fell behind gets it from the store.
 */
export async function* tailOutcomes(
  store: BatchStore,
  batchId: string,
  attempt: number,
  progress: Progress,
): AsyncGenerator<readonly StoredOutcome[]> {
  let after = 0;
  for (;;) {
    const { changed, ended, lastSeq } = progress;
    const isMore = after < lastSeq || ended !== undefined;
    const page =
      progress.recentAfter(after) ?? (isMore ? await store.listOutcomes(batchId, attempt, after, PAGE) : []);
    const last = page.at(-1);
    if (last) {
      after = last.seq;
      yield page;
    } else if (ended !== undefined) {
      return;
    } else {
      await changed;
    }
  }
}
