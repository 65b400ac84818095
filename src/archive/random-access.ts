/** A file that can be read anywhere. Whoever has the disk gives it. */
export interface RandomAccess {
  readonly size: number;
  /** Octets from an offset on; fewer than asked for only where the file ends before. */
  read(at: number, count: number): Promise<Uint8Array>;
}

/** Read at once: an archive's directory, and small files that follow each other. */
const WINDOW = 64 * 1024;

/** Looks ahead, so that small portions one after the other cost one reading. Hands out copies of nothing. */
export function readAhead(file: RandomAccess): RandomAccess {
  let start = 0;
  let held: Uint8Array = new Uint8Array(0);
  return {
    size: file.size,
    read: async (at, count) => {
      if (at < start || at + count > start + held.length) {
        held = await file.read(at, Math.max(count, WINDOW));
        start = at;
      }
      return held.subarray(at - start, at - start + count);
    },
  };
}

/** Octets that are at hand, as a file. */
export const fileInMemory = (octets: Uint8Array): RandomAccess => ({
  size: octets.length,
  read: async (at, count) => octets.subarray(at, at + count),
});
