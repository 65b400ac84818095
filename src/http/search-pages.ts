/** Some of a list, and where to go on; null at the end. */
export interface Slice<T, C = number> {
  readonly items: readonly T[];
  readonly next: C | null;
}

/** Reads what comes after a cursor, at most so many; there may be fewer, and more to come. */
export type ReadSlice<T, C = number> = (after: C, limit: number) => Promise<Slice<T, C>>;

/** Reads that one page of JSON takes at most: a search that finds little says how far it came. */
const MOST_READS = 64;

/** A page of a list that is read in slices. It is short only at the end, or where little fits. */
export async function collectPage<T, C>(
  read: ReadSlice<T, C>,
  after: C,
  limit: number,
): Promise<Slice<T, C>> {
  const items: T[] = [];
  let next: C | null = after;
  for (let reads = 0; reads < MOST_READS && next !== null && items.length < limit; reads++) {
    const slice: Slice<T, C> = await read(next, limit - items.length);
    items.push(...slice.items);
    next = slice.next;
  }
  return { items, next };
}

/** Items that are read at a time for a stream. */
const STREAM_PAGE = 500;

/** All pages after a cursor, as far as the limit. */
export async function* eachPage<T, C>(
  read: ReadSlice<T, C>,
  after: C,
  limit: number,
): AsyncGenerator<readonly T[]> {
  let next: C | null = after;
  for (let left = limit; next !== null && left > 0; ) {
    const slice: Slice<T, C> = await read(next, Math.min(left, STREAM_PAGE));
    if (slice.items.length > 0) yield slice.items;
    left -= slice.items.length;
    next = slice.next;
  }
}
