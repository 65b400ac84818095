import { PkiError } from '../../errors.ts';
import { type Line, splitLines } from '../lines.ts';

const QUOTE = 0x22;
const COMMA = 0x2c;
const LINE_FEED = 0x0a;

/** Where the scanner stands: at a cell's begin, within a plain one, within quotes, or after a quote within quotes. */
type Place = 'begin' | 'plain' | 'quoted' | 'after-quote';

/** What an octet outside quotes makes of the place. A quote opens where a cell begins, or goes on after another. */
function placeAfter(octet: number, place: Place): Place {
  if (octet === COMMA || octet === LINE_FEED) return 'begin';
  if (octet === QUOTE && place !== 'plain') return 'quoted';
  return 'plain';
}

/** Finds the ends of records: line feeds that stand in no quoted cell. Keeps its place from piece to piece. */
class RecordScanner {
  #place: Place = 'begin';

  readonly findEnd = (piece: Uint8Array, from: number): number => {
    for (let at = from; at < piece.length; at++) {
      if (this.#place === 'quoted') {
        at = piece.indexOf(QUOTE, at);
        if (at === -1) return -1;
        this.#place = 'after-quote';
      } else {
        const octet = piece[at] as number;
        this.#place = placeAfter(octet, this.#place);
        if (octet === LINE_FEED) return at;
      }
    }
    return -1;
  };

  get isWithinQuotes(): boolean {
    return this.#place === 'quoted';
  }
}

/**
 * Splits CSV (RFC 4180) into its records, as `splitLines` does lines. What stands in a record is not
 * judged here. Refuses `bad-lot` where the lot ends within quotes.
 *
 * It is written here because the parsers at hand lose the rest of a piece together with the record that
 * is too long.
 */
export function splitRecords(source: AsyncIterable<Uint8Array>): AsyncGenerator<readonly Line[]> {
  const scanner = new RecordScanner();
  async function* verified(): AsyncGenerator<Uint8Array> {
    yield* source;
    // Before the last line is taken for whole.
    if (scanner.isWithinQuotes) {
      throw new PkiError(
        'bad-lot',
        'The CSV ends within a quoted cell: a quote is not closed, or the file is cut off.',
      );
    }
  }
  return splitLines(verified(), scanner.findEnd);
}
