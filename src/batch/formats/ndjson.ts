import { splitLines } from '../lines.ts';
import { type RowContent, tooLongRow } from '../row.ts';

/** A lot of JSON objects, one a line (NDJSON, JSON Lines): each line is judged with its row. */
export async function* readNdjson(source: AsyncIterable<Uint8Array>): AsyncGenerator<readonly RowContent[]> {
  for await (const lines of splitLines(source)) {
    yield lines.map((octets) =>
      octets === null ? tooLongRow() : { input: { form: 'line', octets }, deviceId: null },
    );
  }
}
