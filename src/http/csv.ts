/** What a spreadsheet takes for a formula, or passes over before one. */
const FORMULA = /^[=+\-@\t\r]/;
const NEEDS_QUOTES = /[",\r\n]/;

function encodeCell(cell: string | number | null): string {
  if (cell === null) return '';
  if (typeof cell === 'number') return String(cell);
  // Device IDs and details repeat what clients sent: none of it may run in whatever opens the file.
  const text = FORMULA.test(cell) ? `'${cell}` : cell;
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/** A record of CSV (RFC 4180) with its end. Text that begins like a formula gets an apostrophe before it. */
export const encodeCsvRecord = (cells: readonly (string | number | null)[]): string =>
  `${cells.map(encodeCell).join(',')}\r\n`;
