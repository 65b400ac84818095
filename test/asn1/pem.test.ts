import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodePem, parsePem } from '../../src/asn1/index.ts';
import { PkiError } from '../../src/errors.ts';

describe('PEM', () => {
  it('comes back as it was written', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 300 }), (der) => {
        const [block, more] = parsePem(encodePem('CERTIFICATE', der));
        expect(more).toBeUndefined();
        expect(block?.label).toBe('CERTIFICATE');
        expect(Buffer.compare(block?.der ?? Buffer.alloc(0), der)).toBe(0);
      }),
      { seed: 20 },
    );
  });

  const good = encodePem('X', Buffer.from('hello world'));

  it('is read with CRLF, without a final newline, and with text around it', () => {
    for (const text of [good.replaceAll('\n', '\r\n'), good.trimEnd(), `a certificate:\n${good}\nthe end`]) {
      expect(parsePem(text)).toHaveLength(1);
    }
  });

  const bad: Record<string, string> = {
    'has no END': good.replace(/-----END.*\n/, ''),
    'has an END of another label': good.replace('END X', 'END Y'),
    'has no BEGIN': good.replace(/-----BEGIN.*\n/, ''),
    'has an empty body': '-----BEGIN X-----\n-----END X-----\n',
    'has octets outside the alphabet': good.replace('aGVs', 'aG*s'),
    'lacks its padding': good.replace('=', ''),
    'has pad bits that are set': good.replace('ZA==', 'ZB==').replace('ZGQ=', 'ZGR=').replace('Q=', 'R='),
  };
  for (const [what, text] of Object.entries(bad)) {
    it(`that ${what} is refused as bad-pem`, () => {
      expect(text).not.toBe(good);
      expect(() => parsePem(text)).toThrow(PkiError);
    });
  }
});
