import type { Clock } from '../clock.ts';

/** How long a chunk that is not full waits for more: a slow line gets its answers promptly. */
const IDLE_MS = 20;

/**
 * Gathers groups of items into chunks of at most `size`; one that is not full is handed on when
 * nothing more has come for 20 ms, or at the end.
 */
export async function* gather<T>(
  groups: AsyncIterable<readonly T[]>,
  size: number,
  clock: Clock,
): AsyncGenerator<readonly T[]> {
  const source = groups[Symbol.asyncIterator]();
  const advance = (): Promise<IteratorResult<readonly T[]>> => {
    const next = source.next();
    // It may reject while a chunk is being worked on; whoever awaits it then still gets the rejection.
    next.catch(() => undefined);
    return next;
  };
  try {
    let waiting: T[] = [];
    let next = advance();
    for (let ended = false; !ended; ) {
      const idle = waiting.length > 0 ? [clock.sleep(IDLE_MS).then(() => null)] : [];
      const group = await Promise.race([next, ...idle]);
      ended = group?.done === true;
      if (group?.done === false) {
        waiting.push(...group.value);
        next = advance();
      }
      const least = group?.done === false ? size : 1;
      while (waiting.length >= least) {
        yield waiting.slice(0, size);
        waiting = waiting.slice(size);
      }
    }
  } finally {
    // Whoever stops early lets the source go, too. It may still wait for its own; nobody waits for that.
    source.return?.().catch(() => undefined);
  }
}
