import { PkiError } from '../errors.ts';
import { LIMITS } from './limits.ts';

/** One line of an upload, without its end; null where it was longer than the limit: it was skipped, not kept. */
export type Line = Uint8Array | null;

const LINE_FEED = 0x0a;

/** Spaces, tabs and carriage returns alone: no row. */
const isBlank = (octets: Uint8Array): boolean =>
  octets.every((octet) => octet === 0x20 || octet === 0x0d || octet === 0x09);

function verifyBlankLines(blanks: number): void {
  if (blanks <= LIMITS.blankRows) return;
  throw new PkiError('too-large', `A lot has at most ${LIMITS.blankRows} empty lines.`);
}

/**
 * Splits a stream of octets into lines, those of one piece of the stream at a time; blank ones are
 * passed over. `findEnd` gives the index in a piece of the octet that ends the line, from an index on,
 * or -1; it is asked about each octet once. Never keeps more than a piece and one line of at most
 * 64 KiB. Refuses `too-large` after the piece that brings the blank ones to over a million.
 */
export async function* splitLines(
  source: AsyncIterable<Uint8Array>,
  findEnd = (piece: Uint8Array, from: number): number => piece.indexOf(LINE_FEED, from),
): AsyncGenerator<readonly Line[]> {
  let blanks = 0;
  let parts: Uint8Array[] = [];
  let held = 0;
  const take = (piece: Uint8Array): void => {
    held += piece.length;
    // Past the limit the parts are dropped; only their length is remembered.
    if (held <= LIMITS.rowOctets) parts.push(piece);
    else parts = [];
  };
  const finish = (): readonly Line[] => {
    const octets = held > LIMITS.rowOctets ? null : Buffer.concat(parts);
    parts = [];
    held = 0;
    if (octets === null || !isBlank(octets)) return [octets];
    blanks++;
    return [];
  };
  for await (const piece of source) {
    const lines: Line[] = [];
    let from = 0;
    for (let at = findEnd(piece, from); at !== -1; at = findEnd(piece, from)) {
      // Nothing at all is the cheapest line to send: it costs no more than this.
      if (at === from && held === 0) blanks++;
      else {
        take(piece.subarray(from, at));
        lines.push(...finish());
      }
      from = at + 1;
    }
    if (from < piece.length) take(piece.subarray(from));
    if (lines.length > 0) yield lines;
    verifyBlankLines(blanks);
  }
  const last = held > 0 ? finish() : [];
  if (last.length > 0) yield last;
}
