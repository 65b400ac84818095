import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { EXIT } from '../../src/cli/exit-status.ts';
import { CONFIG_KEYS } from '../../src/config/index.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const read = (path: string): string => readFileSync(join(root, path), 'utf8');

const { scripts, ...manifest } = JSON.parse(read('package.json')) as Readonly<
  Record<
    'scripts' | 'dependencies' | 'optionalDependencies' | 'devDependencies',
    Readonly<Record<string, string>>
  >
>;

/** Every page that a person reads; the vectors' own files are none. */
const PAGES = ['.', 'docs', 'docs/decisions', 'keys', 'test/vectors'].flatMap((folder) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => relative(root, join(root, folder, name))),
);

/** The rows of the table whose first heading is `first`, cell by cell, without code quotes. */
function tableOf(page: string, first: string): readonly (readonly string[])[] {
  const lines = read(page).split('\n');
  const head = lines.findIndex((line) => line.startsWith(`| ${first} |`));
  const rows: string[][] = [];
  for (const line of head < 0 ? [] : lines.slice(head + 2)) {
    if (!line.startsWith('|')) break;
    rows.push(
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim().replaceAll('`', '')),
    );
  }
  return rows;
}

describe('the README', () => {
  it('has every setting, as the service reads it', () => {
    const due = CONFIG_KEYS.map(({ key, variable, flag, default: fallback, meaning }) => [
      key ?? '–',
      variable ?? '–',
      flag ?? '–',
      fallback,
      meaning,
    ]);
    expect(tableOf('README.md', 'key')).toEqual(due);
  });

  it('says of every dependency why it is there, and of no other', () => {
    const { dependencies, optionalDependencies, devDependencies } = manifest;
    const due = [dependencies, optionalDependencies, devDependencies].flatMap(Object.keys).sort();
    const rows = tableOf('README.md', 'package');
    expect(rows.map(([name]) => name).sort()).toEqual(due);
    for (const [name, why = ''] of rows) expect(why, name).toMatch(/.\.$/);
  });

  it('has every exit status', () => {
    const listed = tableOf('README.md', 'status').map(([status]) => Number(status));
    expect(listed).toEqual(Object.values(EXIT));
  });
});

describe.each(PAGES)('%s', (page) => {
  const text = read(page);

  it('links to files that exist', () => {
    const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, target = '']) => target);
    const local = links.filter((target) => !/^[a-z]+:|^#/.test(target));
    const broken = local.filter(
      (target) => !existsSync(join(root, dirname(page), target.replace(/#.*$/, ''))),
    );
    expect(broken).toEqual([]);
  });

  it('names npm scripts that exist', () => {
    const named = [...text.matchAll(/\bnpm (?:run (?:--silent |-s )?([\w:-]+)|(start|test)\b)/g)].map(
      ([, run, short]) => run ?? short ?? '',
    );
    expect(named.filter((name) => !Object.hasOwn(scripts, name))).toEqual([]);
  });

  it('names files of the sources that exist', () => {
    const named = [...text.matchAll(/`((?:src|test|scripts|bin|db\/migrations)\/[\w./-]+)`/g)].map(
      ([, path = '']) => path,
    );
    expect(named.filter((path) => !existsSync(join(root, path)))).toEqual([]);
  });
});
