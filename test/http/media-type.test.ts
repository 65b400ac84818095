import { describe, expect, it } from 'vitest';
import { mediaTypeOf } from '../../src/http/media-type.ts';
import type { Request } from '../../src/http/web.ts';
import { codeOf } from '../support/refusal.ts';

const known = ['application/json', 'application/pkcs10'] as const;
const typeOf = (headers: Record<string, string>) => mediaTypeOf({ headers } as unknown as Request, known);

describe('the media type of a body', () => {
  for (const type of [
    'application/json',
    'Application/JSON',
    ' application/json ',
    'application/json; charset=utf-8',
    'application/json;charset="UTF-8"',
    'application/json ; charset = utf8',
    'application/json; profile="x"',
    'application/json; version=1; charset=UTF-8',
    'application/json;',
  ]) {
    it(`may be written ${type}`, () => {
      expect(typeOf({ 'content-type': type })).toBe('application/json');
    });
  }

  const wrong: Record<string, Record<string, string>> = {
    none: {},
    'an empty one': { 'content-type': '' },
    'one of another call': { 'content-type': 'text/plain' },
    'a prefix of one': { 'content-type': 'application/jso' },
    'one with more after it': { 'content-type': 'application/jsonx' },
    'one of a family': { 'content-type': 'application/problem+json' },
    'two of them': { 'content-type': 'application/json, application/pkcs10' },
    'another charset': { 'content-type': 'application/json; charset=latin1' },
    'another charset after the right one': {
      'content-type': 'application/json; charset=utf-8; charset=utf-16',
    },
    'a coding': { 'content-type': 'application/json', 'content-encoding': 'gzip' },
    'a coding among others': { 'content-type': 'application/json', 'content-encoding': 'identity, gzip' },
  };
  for (const [what, headers] of Object.entries(wrong)) {
    it(`may not be ${what}`, () => {
      expect(codeOf(() => typeOf(headers))).toBe('unsupported-media-type');
    });
  }

  it('may say that it is not encoded', () => {
    expect(typeOf({ 'content-type': 'application/pkcs10', 'content-encoding': 'Identity' })).toBe(
      'application/pkcs10',
    );
  });
});
