import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { CHECK_CODES, MEANINGS } from '../../src/check/index.ts';

const page = readFileSync(new URL('../../docs/check.md', import.meta.url), 'utf8');
/** Paragraphs under each heading of the third level. */
const sections = new Map(
  page
    .split(/^### /m)
    .slice(1)
    .map((section) => {
      const [heading = '', ...paragraphs] = (section.split(/^## /m)[0] ?? '').trim().split('\n\n');
      return [heading, paragraphs] as const;
    }),
);

describe('docs/check.md', () => {
  it('has a section for each verdict, and for no other', () => {
    expect([...sections.keys()].toSorted()).toEqual([...CHECK_CODES].toSorted());
  });

  it.each(CHECK_CODES)('says what %s means, and then what to do, as the command does', (code) => {
    const paragraphs = sections.get(code) ?? [];
    expect(paragraphs.length).toBeGreaterThan(1);
    expect(paragraphs.at(-1)).toBe(MEANINGS[code].todo);
  });
});
