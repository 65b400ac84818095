/** Text from elsewhere, fit for a terminal: control and direction characters could rewrite the screen. */
export const printable = (text: string): string => text.replace(/[\p{Cc}\p{Bidi_Control}]/gu, '\ufffd');

type Cell = string | number | null;

const cellText = (cell: Cell): string => (cell === null ? '-' : printable(String(cell)));

/** Characters, not UTF-16 units: good enough for IDs and names. */
const width = (text: string): number => [...text].length;

const pad = (text: string, to: number): string => text + ' '.repeat(Math.max(0, to - width(text)));

/** Rows under their headings, columns aligned, two spaces apart; no heading row where `headings` is empty. */
export function formatTable(headings: readonly string[], rows: readonly (readonly Cell[])[]): string {
  const all = [...(headings.length > 0 ? [headings] : []), ...rows.map((row) => row.map(cellText))];
  const widths = all.reduce<number[]>(
    (widest, row) => row.map((text, i) => Math.max(widest[i] ?? 0, width(text))),
    [],
  );
  return all
    .map(
      (row) =>
        `${row
          .map((text, i) => pad(text, widths[i] ?? 0))
          .join('  ')
          .trimEnd()}\n`,
    )
    .join('');
}

/** One thing as lines of name and value. */
export const formatFields = (fields: readonly (readonly [string, Cell])[]): string => formatTable([], fields);
