import type { BatchStore, StoredOutcome } from './ports.ts';
import type { Progress } from './progress.ts';

/** Outcomes read at a time. */
const PAGE = 128;

/**
 * The outcomes of one attempt in input order, from the store, as they come to be recorded: ends when
 * the upload has ended and all is read. Reads no faster than its consumer takes.
 */
export async function* tailOutcomes(
  store: BatchStore,
  batchId: string,
  attempt: number,
  progress: Progress,
): AsyncGenerator<readonly StoredOutcome[]> {
  let after = 0;
  for (;;) {
    const { changed, ended } = progress;
    const page = await store.listOutcomes(batchId, attempt, after, PAGE);
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
