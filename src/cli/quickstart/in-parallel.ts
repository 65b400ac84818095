/**
 * Runs `work` over all items, at most `width` at a time, and gives the results in the items' order.
 * Stops taking new items when one fails or the signal fires, waits for those under way, then rejects.
 */
export async function inParallel<T, R>(
  items: readonly T[],
  width: number,
  signal: AbortSignal,
  work: (item: T, index: number) => Promise<R>,
): Promise<readonly R[]> {
  const results: R[] = [];
  let next = 0;
  let failed = false;
  const lane = async (): Promise<void> => {
    while (next < items.length && !failed) {
      signal.throwIfAborted();
      const index = next++;
      results[index] = await work(items[index] as T, index);
    }
  };
  const lanes = Array.from({ length: width }, () =>
    lane().catch((failure: unknown) => {
      failed = true;
      throw failure;
    }),
  );
  await Promise.allSettled(lanes);
  await Promise.all(lanes);
  return results;
}
