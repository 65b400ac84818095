import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import {
  fitQuery,
  numberedPageQuery,
  pageQuery,
  parseQuery,
  readPage,
  wholeNumber,
} from '../../src/http/query.ts';
import type { Request } from '../../src/http/web.ts';
import { codeOf, refusalOf } from '../support/refusal.ts';

const asked = (query: string): Request => ({ query: parseQuery(query) }) as unknown as Request;

describe('a query', () => {
  it('is read as URLSearchParams writes it', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string({ unit: 'grapheme', minLength: 1 }), fc.string({ unit: 'grapheme' })),
        (query) => {
          expect(Object.entries(parseQuery(new URLSearchParams(query).toString()))).toEqual(
            Object.entries(query),
          );
        },
      ),
      { numRuns: 200, seed: 14 },
    );
  });

  it('has names without values, empty values, and equals signs in values', () => {
    expect(parseQuery('a&b=&c=d=e&&f=%26%3D')).toEqual({ a: '', b: '', c: 'd=e', f: '&=' });
    expect(parseQuery('')).toEqual({});
  });

  it('in which a name stands twice is refused, however it is spelled', () => {
    for (const query of ['a=1&a=2', 'a=1&%61=2', 'a&a', 'a+b=1&a%20b=2']) {
      expect(codeOf(() => parseQuery(query))).toBe('bad-request');
    }
  });

  it('that is not percent-encoded UTF-8 is refused', () => {
    for (const query of ['a=%', 'a=%4', 'a=%zz', 'a=%ff', 'a=%ed%a0%80', '%c3=1'])
      expect(codeOf(() => parseQuery(query))).toBe('bad-request');
  });

  it('with a name of Object.prototype has a parameter and nothing more', () => {
    const query = parseQuery('__proto__=x&constructor=y');
    expect(Object.getPrototypeOf(query)).toBe(Object.prototype);
    expect(Object.keys(query)).toEqual(['__proto__', 'constructor']);
  });
});

describe('a query that is fitted to a schema', () => {
  it('has defaults for what was not said', () => {
    expect(fitQuery(pageQuery, asked(''))).toEqual({ after: '', limit: 100 });
    expect(fitQuery(numberedPageQuery, asked('after=7&limit=1000'))).toEqual({ after: 7, limit: 1000 });
  });

  it('names each parameter that does not fit', () => {
    const refusal = refusalOf(() => fitQuery(numberedPageQuery, asked('after=x&limit=0')));
    expect(refusal?.code).toBe('bad-request');
    expect(refusal?.violations.map(({ at }) => at).toSorted()).toEqual(['after', 'limit']);
    expect(codeOf(() => fitQuery(pageQuery, asked('surprise=1')))).toBe('bad-request');
  });

  it('takes whole numbers in decimal digits alone', () => {
    const schema = z.strictObject({ n: wholeNumber(1, 50) });
    for (const [text, expected] of Object.entries({
      '1': 'taken',
      '50': 'taken',
      '007': 'taken',
      '0': 'bad-request',
      '51': 'bad-request',
      '-1': 'bad-request',
      '+1': 'bad-request',
      '1e1': 'bad-request',
      '0x1': 'bad-request',
      '1.0': 'bad-request',
      ' 1': 'bad-request',
      '': 'bad-request',
      '１': 'bad-request',
      '99999999999999999999': 'bad-request',
    })) {
      expect([text, codeOf(() => fitQuery(schema, { query: { n: text } } as unknown as Request))]).toEqual([
        text,
        expected,
      ]);
    }
  });
});

describe('a page', () => {
  const all = ['a', 'b', 'c', 'd'];
  const list = (after: string) => async (limit: number) => all.filter((item) => item > after).slice(0, limit);

  it('has a next cursor exactly where there is more', async () => {
    expect(await readPage(2, list(''), (item) => item)).toEqual({ items: ['a', 'b'], next: 'b' });
    expect(await readPage(2, list('b'), (item) => item)).toEqual({ items: ['c', 'd'], next: null });
    expect(await readPage(4, list(''), (item) => item)).toEqual({ items: all, next: null });
    expect(await readPage(4, list('d'), (item) => item)).toEqual({ items: [], next: null });
  });
});
