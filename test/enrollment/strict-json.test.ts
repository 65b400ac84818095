import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseStrictJson } from '../../src/enrollment/index.ts';
import { codeOf, refusalOf } from '../support/refusal.ts';

const nested = (depth: number): string => '['.repeat(depth) + ']'.repeat(depth);

/** JSON values of at most four levels, with names and texts that hold everything that may confuse a scanner. */
const text = fc.string({
  unit: fc.constantFrom('a', '"', '\\', '{', '}', '[', ']', ',', ':', '\n', 'é', '😀'),
});
const value = fc.letrec((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthSize: 'small' },
    fc.oneof(
      text,
      fc.integer(),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.boolean(),
      fc.constant(null),
    ),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(text, tie('value'), { maxKeys: 4 }),
  ),
})).value;

describe('strict JSON', () => {
  it('reads as JSON.parse does whatever a JSON writer writes', () => {
    fc.assert(
      fc.property(value, fc.constantFrom(undefined, 1, '\t'), (written, indent) => {
        const json = JSON.stringify(written, null, indent);
        expect(parseStrictJson(json)).toEqual(JSON.parse(json));
      }),
      { numRuns: 300, seed: 1 },
    );
  });

  const same: Record<string, string> = {
    'twice, plainly': '{"a":1,"a":2}',
    'twice, with the same value': '{"a":1,"b":2,"a":1}',
    'twice, once as an escape': '{"a":1,"\\u0061":2}',
    'twice, both as escapes of different spelling': '{"\\u006B":1,"\\u006b":2}',
    'twice in an inner object': '{"x":[{"a":1,"a":2}]}',
    'twice around an inner object': '{"a":{"b":1},"c":[{"a":0}],"a":1}',
    'twice, empty': '{"":1,"":2}',
  };
  for (const [what, json] of Object.entries(same)) {
    it(`refuses a name that stands ${what}`, () => {
      expect(codeOf(() => parseStrictJson(json))).toBe('bad-json');
    });
  }

  it('takes the same name in different objects, and as a value', () => {
    const json = '{"a":{"a":["a","a",{"a":"a"},{"a":"\\"a\\":1,\\"a\\""}]},"b":"a"}';
    expect(parseStrictJson(json)).toEqual(JSON.parse(json));
  });

  it('refuses __proto__ as a name, however it is spelled, and takes it as a value', () => {
    for (const json of ['{"__proto__":{}}', '{"a":[{"\\u005f_proto__":1}]}', '{"__proto\\u005f_":1}']) {
      expect(codeOf(() => parseStrictJson(json))).toBe('bad-json');
    }
    expect(parseStrictJson('["__proto__"]')).toEqual(['__proto__']);
    expect(({} as { polluted?: unknown }).polluted).toBeUndefined();
  });

  it('takes eight levels and refuses nine, and a hundred thousand', () => {
    expect(codeOf(() => parseStrictJson(nested(8)))).toBe('taken');
    expect(codeOf(() => parseStrictJson(nested(9)))).toBe('bad-json');
    expect(codeOf(() => parseStrictJson(nested(100_000)))).toBe('bad-json');
    expect(codeOf(() => parseStrictJson(`${'{"a":'.repeat(9)}1${'}'.repeat(9)}`))).toBe('bad-json');
  });

  it('does not count brackets in texts as levels', () => {
    expect(parseStrictJson(JSON.stringify(['['.repeat(100), '"{'.repeat(100)]))).toHaveLength(2);
  });

  it('refuses lone surrogates in names and values, and takes pairs', () => {
    for (const json of [
      '"\\ud800"',
      '["\\udc00x"]',
      '{"\\ud83d":1}',
      '{"a":["\\ude00\\ud83d"]}',
      '"\ud800"',
    ]) {
      expect(codeOf(() => parseStrictJson(json))).toBe('bad-json');
    }
    expect(parseStrictJson('"\\ud83d\\ude00"')).toBe('😀');
  });

  it('refuses numbers that no double holds', () => {
    for (const json of ['1e400', '-1e400', '{"a":[1e309]}', '9'.repeat(400)]) {
      expect(codeOf(() => parseStrictJson(json))).toBe('bad-json');
    }
    expect(parseStrictJson('[1.7976931348623157e308,-0,1e-400]')).toHaveLength(3);
  });

  it('refuses what is not JSON, and does not quote it', () => {
    for (const json of [
      '',
      ' ',
      '{',
      '{"a":1,}',
      "{'a':1}",
      '{a:1}',
      '1 2',
      'NaN',
      '01',
      '\ufeff{}',
      '{"a":1}}',
      '"\n"',
    ]) {
      expect(codeOf(() => parseStrictJson(json))).toBe('bad-json');
    }
    const refusal = refusalOf(() => parseStrictJson('{"token":"fca_secret'));
    expect(String(refusal)).not.toContain('fca_secret');
    expect(refusal?.cause).toBeUndefined();
  });

  it('reads a text of a megabyte', () => {
    const long = 'a\\n'.repeat(300_000);
    expect(parseStrictJson(`{"a":"${long}"}`)).toEqual({ a: JSON.parse(`"${long}"`) });
    expect(codeOf(() => parseStrictJson(`{"a":"${long}","a":1}`))).toBe('bad-json');
  });
});
