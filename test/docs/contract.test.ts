import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { CATALOGUE_ROWS } from '../check/catalogue-rows.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** `2, client.pem`: a section of docs/contract.md, and the first cell of a row of its table. */
type Row = string;

/** Sections whose rows are promises; the others are words and links. */
const SECTIONS = ['2', '3', '4', '5', '6', '7', '8', '9'];

function rowsOf(page: string): readonly Row[] {
  let section = '';
  const rows: Row[] = [];
  for (const line of page.split('\n')) {
    section = /^## (\d+)\./.exec(line)?.[1] ?? section;
    const [, row] = /^\| `([^`]+)` \|/.exec(line) ?? [];
    if (row !== undefined && SECTIONS.includes(section)) rows.push(`${section}, ${row}`);
  }
  return rows;
}

/** What stands between `section N, ` and the colon of a title, row by row. */
const rowsNamed = (source: string): readonly Row[] =>
  [...source.matchAll(/['"`]section ([2-9]), ([^:\n]+):/g)].flatMap(([, section, names = '']) =>
    names.split(/, | and /).map((name) => `${section}, ${name}`),
  );

const sources = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.test.ts'))
  .map((name) => readFileSync(join(root, 'test', name), 'utf8'));

describe('docs/contract.md', () => {
  const rows = rowsOf(readFileSync(join(root, 'docs/contract.md'), 'utf8'));
  const named = new Set([...sources.flatMap(rowsNamed), ...CATALOGUE_ROWS.map(({ row }) => row)]);

  it('has the rows of every section that promises something', () => {
    const counts = SECTIONS.map((section) => rows.filter((row) => row.startsWith(`${section}, `)).length);
    expect(counts).toEqual([9, 12, 20, 9, 14, 24, 11, 29]);
    expect(new Set(rows).size).toBe(rows.length);
  });

  it('has no row without a test that names it', () => {
    expect(rows.filter((row) => !named.has(row))).toEqual([]);
  });

  it('has every row that a test names', () => {
    expect([...named].filter((row) => !rows.includes(row))).toEqual([]);
  });
});
