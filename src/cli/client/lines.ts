import { LocalFailure } from '../local-failure.ts';

/** A row with the largest certificate and a page of warnings has some 20 kB; a line over this is not ours. */
const MAX_LINE_OCTETS = 1024 * 1024;
const LINE_FEED = 0x0a;

/** The lines of a stream of NDJSON, without their ends; empty ones are passed over. Holds one at a time. */
export async function* readLines(source: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  let held = Buffer.alloc(0);
  for await (const piece of source) {
    let rest = held.length === 0 ? Buffer.from(piece) : Buffer.concat([held, piece]);
    for (let end = rest.indexOf(LINE_FEED); end !== -1; end = rest.indexOf(LINE_FEED)) {
      if (end > 0) yield rest.toString('utf8', 0, end);
      rest = rest.subarray(end + 1);
    }
    if (rest.length > MAX_LINE_OCTETS)
      throw new LocalFailure('service-defect', 'A line of the answer does not end.');
    held = rest;
  }
  if (held.length > 0) yield held.toString('utf8');
}
