import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { derFromBer } from '../../src/asn1/index.ts';
import { codeOf } from '../support/refusal.ts';

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');
const rewritten = (text: string): string => Buffer.from(derFromBer(hex(text))).toString('hex');

describe('BER as DER', () => {
  it('gives an indefinite length its number, at any depth', () => {
    expect(rewritten('30 80 30 80 02 01 05 00 00 04 00 00 00')).toBe('30073003020105' + '0400');
  });

  it('joins an OCTET STRING in pieces, also in pieces of pieces', () => {
    expect(rewritten('24 80 04 02 aabb 24 80 04 01 cc 00 00 00 00')).toBe('0403aabbcc');
    expect(rewritten('24 00')).toBe('0400');
  });

  it('makes a padded length short, and a long one as long as it must be', () => {
    expect(rewritten('30 83 000004 04 81 01 aa')).toBe('30030401aa');
    expect(rewritten(`04 82 0080 ${'aa'.repeat(128)}`)).toBe(`048180${'aa'.repeat(128)}`);
  });

  it('leaves DER as it is', () => {
    const der = `3081c80481c5${'ab'.repeat(197)}`;
    expect(rewritten(der)).toBe(der);
  });

  it.each([
    ['nothing', ''],
    ['a cut off length', '30'],
    ['an element that reaches past the end', '30 03 04 02 aa'],
    ['one that reaches past what it stands in', '30 03 04 05 aa bb cc dd ee'],
    ['no end-of-contents', '30 80 04 01 aa'],
    ['half of one', '30 80 04 01 aa 00'],
    ['a primitive element of indefinite length', '04 80 00 00'],
    ['octets after the structure', '30 00 00'],
    ['a piece that is no OCTET STRING', '24 03 02 01 05'],
    ['a length of five octets', '30 85 00 00 00 00 01 00'],
    ['a multi-octet tag', '3f 81 01 00'],
    ['nesting without end', '30 80'.repeat(40)],
    ['elements without end', `30 82 4000 ${'0500'.repeat(8192)}`],
  ])('refuses %s', (_, text) => {
    expect(codeOf(() => derFromBer(hex(text)))).toBe('bad-der');
  });

  it('takes any octets for what they are, or refuses them: no other failure, no hanging', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 64 }), (octets) => {
        const code = codeOf(() => derFromBer(octets));
        return code === 'taken' || code === 'bad-der';
      }),
      { numRuns: 2000 },
    );
  });
});
