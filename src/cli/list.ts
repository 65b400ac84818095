import type { Output } from './output.ts';
import { formatTable } from './table.ts';

type Cell = string | number | null;

/** How a list looks to a person. */
export interface Columns<T> {
  readonly headings: readonly string[];
  readonly cells: (item: T) => readonly Cell[];
}

/** A list as it comes: one JSON value a line, or a table, page by page. Holds one page at a time. */
export async function showList<T>(
  output: Output,
  pages: AsyncIterable<readonly T[]>,
  { headings, cells }: Columns<T>,
): Promise<void> {
  let isFirst = true;
  for await (const items of pages) {
    if (output.json) {
      await output.data(items.map((item) => `${JSON.stringify(item)}\n`).join(''));
    } else if (items.length > 0) {
      await output.data(formatTable(isFirst ? headings : [], items.map(cells)));
      isFirst = false;
    }
  }
  if (isFirst && !output.json) output.say('There are none.');
}
