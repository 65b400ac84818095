import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fitsIdPattern, verifyIdPattern } from '../../src/enrollment/index.ts';
import { codeOf } from '../support/refusal.ts';

describe('a pattern of device IDs', () => {
  it.each([
    ['dev-1', 'dev-1', true],
    ['dev-1', 'dev-10', false],
    ['dev-1', 'xdev-1', false],
    ['dev-1', 'DEV-1', false],
    ['*', '', true],
    ['*', 'anything at all', true],
    ['dev-*', 'dev-', true],
    ['*-7', 'line-7', true],
    ['*-7', 'line-77', false],
    ['a*b*c', 'a-b-b-c', true],
    ['a*b*c', 'a-c-b', false],
    ['?', '\u{1f600}', true],
    ['??', 'a', false],
    ['######', '004711', true],
    ['######', '04711', false],
    ['#', '\u0664', false],
    ['#', '', false],
    ['line7-####*', 'line7-0001-a', true],
    ['.*', 'dev-1', false],
    ['[a-z]+', 'dev', false],
    ['a.c', 'abc', false],
  ])('%s and %s: %s', (pattern, id, fits) => {
    expect(fitsIdPattern(pattern, id)).toBe(fits);
  });

  it('says what the same regular expression says', () => {
    const character = fc.constantFrom('a', 'b', '0', '7', '-');
    const signs = fc.constantFrom('a', 'b', '0', '7', '-', '*', '?', '#');
    const expression = (pattern: string): RegExp =>
      new RegExp(`^${pattern.replaceAll('*', '.*').replaceAll('?', '.').replaceAll('#', '[0-9]')}$`, 'u');
    fc.assert(
      fc.property(
        fc.string({ unit: signs, maxLength: 8 }),
        fc.string({ unit: character, maxLength: 10 }),
        (pattern, id) => fitsIdPattern(pattern, id) === expression(pattern).test(id),
      ),
      { numRuns: 2000, seed: 5 },
    );
  });

  it('that a regular expression would take forever for takes no time', () => {
    const pattern = `${'*a'.repeat(60)}*b`;
    const before = performance.now();
    for (let i = 0; i < 100; i++) expect(fitsIdPattern(pattern, 'a'.repeat(64))).toBe(false);
    expect(performance.now() - before).toBeLessThan(2000);
  });

  it.each(['', 'a\u0000', 'a\n', 'e\u0301', '\ud800', 'x'.repeat(129)])('%j is none', (pattern) => {
    expect(codeOf(() => verifyIdPattern(pattern))).toBe('bad-request');
  });

  it.each(['*', '#', 'WDB*', '\u00e9-?', 'x'.repeat(128)])('%s is one', (pattern) => {
    expect(codeOf(() => verifyIdPattern(pattern))).toBe('taken');
  });
});
