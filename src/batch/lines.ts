/** One line of an upload. `octets` is null where it was longer than the limit: it was skipped, not kept. */
export interface Line {
  /** From 1; empty lines do not count. */
  readonly row: number;
  readonly octets: Uint8Array | null;
}

/** Longest row, octets. A CSR with a key of 8192 bits has under 4 kB in PEM. */
export const MAX_ROW_OCTETS = 64 * 1024;

const LINE_FEED = 0x0a;
const isBlank = (octets: Uint8Array): boolean =>
  octets.every((octet) => octet === 0x20 || octet === 0x0d || octet === 0x09);

/**
 * Splits a stream of octets into lines, those of one piece of the stream at a time. Never keeps more
 * than a piece and one row of at most 64 KiB.
 */
export async function* splitLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Line[]> {
  let row = 0;
  let parts: Uint8Array[] = [];
  let held = 0;
  const take = (piece: Uint8Array): void => {
    held += piece.length;
    // Past the limit the parts are dropped; only their length is remembered.
    if (held <= MAX_ROW_OCTETS) parts.push(piece);
    else parts = [];
  };
  const finish = (): readonly Line[] => {
    const octets = held > MAX_ROW_OCTETS ? null : Buffer.concat(parts);
    parts = [];
    held = 0;
    return octets !== null && isBlank(octets) ? [] : [{ row: ++row, octets }];
  };
  for await (const piece of source) {
    const lines: Line[] = [];
    let from = 0;
    for (let at = piece.indexOf(LINE_FEED); at !== -1; at = piece.indexOf(LINE_FEED, from)) {
      take(piece.subarray(from, at));
      lines.push(...finish());
      from = at + 1;
    }
    if (from < piece.length) take(piece.subarray(from));
    if (lines.length > 0) yield lines;
  }
  if (held > 0) {
    const last = finish();
    if (last.length > 0) yield last;
  }
}
