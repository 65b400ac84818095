import { PkiError } from '../../errors.ts';

/** A cell with the comma or end after it (RFC 4180, 2): in quotes, with quotes doubled; or plain, without any. */
const CELL = /(?:"([^"]*(?:""[^"]*)*)"|([^",\r\n]*))(,|$)/y;

/**
 * The cells of a record. Refuses `bad-row`: a quote in a plain cell, or anything between a closing
 * quote and the comma.
 */
export function splitCells(record: string): readonly string[] {
  const text = record.endsWith('\r') ? record.slice(0, -1) : record;
  const cells: string[] = [];
  CELL.lastIndex = 0;
  for (let end = ','; end === ','; ) {
    const match = CELL.exec(text);
    if (!match) {
      throw new PkiError(
        'bad-row',
        `Cell ${cells.length + 1} is not as CSV has it: one with a comma, quote or line end stands in quotes, and quotes in it are doubled.`,
      );
    }
    const [, quoted, plain = '', after = ''] = match;
    cells.push(quoted === undefined ? plain : quoted.replaceAll('""', '"'));
    end = after;
  }
  return cells;
}
