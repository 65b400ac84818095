import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  checkDer,
  contentBytes,
  DerReader,
  encodeBitString,
  encodeElement,
  encodeNamedBits,
  encodeOctetString,
  encodeOid,
  encodeSequence,
  encodeSetOf,
  encodeTime,
  encodeUnsigned,
  encodeUtf8String,
  readBitString,
  readElement,
  readOid,
  readTime,
  readUnsigned,
} from '../../src/asn1/index.ts';

const hex = (text: string): Uint8Array => Buffer.from(text.replaceAll(' ', ''), 'hex');
const refusal = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    return (error as { code?: string }).code ?? `other: ${error}`;
  }
  return 'taken';
};

describe('DER elements', () => {
  it('come back as they were written, at every length of length', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 70_000, size: 'max' }), (content) => {
        const element = readElement(encodeOctetString(content));
        expect(Buffer.compare(contentBytes(element), content)).toBe(0);
      }),
      { numRuns: 50, seed: 20 },
    );
  });

  it('hold non-negative integers of any size', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 600n }), (value) => {
        const digits = value.toString(16);
        const octets = Buffer.from(digits.length % 2 ? `0${digits}` : digits, 'hex');
        expect(readUnsigned(readElement(encodeUnsigned(octets)))).toBe(value);
      }),
      { seed: 20 },
    );
  });

  it('hold object identifiers', () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.constantFrom(0, 1, 2), fc.nat(39), fc.array(fc.nat(2 ** 31 - 1), { maxLength: 8 })),
        ([top, second, rest]) => {
          const dotted = [top, second, ...rest].join('.');
          expect(readOid(readElement(encodeOid(dotted)))).toBe(dotted);
        },
      ),
      { seed: 20 },
    );
  });

  it('hold instants of whole seconds from 1950 to 9999, and name the year in the form that it demands', () => {
    fc.assert(
      fc.property(fc.integer({ min: -631_152_000, max: 253_402_300_799 }), (seconds) => {
        const instant = new Date(seconds * 1000);
        const element = readElement(encodeTime(instant));
        expect(readTime(element).getTime()).toBe(instant.getTime());
        expect(element.tag).toBe(instant.getUTCFullYear() < 2050 ? 0x17 : 0x18);
      }),
      { seed: 20 },
    );
  });

  it('order a SET OF by its encodings', () => {
    const set = encodeSetOf(encodeUtf8String('b'), encodeUtf8String('a'));
    expect(Buffer.from(set).toString('hex')).toBe('31060c01610c0162');
  });

  it('leave trailing zero bits out of a named bit list', () => {
    expect(Buffer.from(encodeNamedBits([0])).toString('hex')).toBe('03020780');
    expect(Buffer.from(encodeNamedBits([5, 6])).toString('hex')).toBe('03020106');
    expect(readBitString(readElement(encodeNamedBits([8]))).unused).toBe(7);
  });
});

describe('what is not DER is refused as bad-der', () => {
  const wrong: Record<string, string> = {
    'an indefinite length': '3080 0000',
    'a length that is not minimal': '3081 01 05',
    'a length of leading zeros': '308200 0105',
    'a length past the end': '3005 0500',
    'a length of four GiB': '3084ffffffff',
    'a length of five octets': '3085 0000000001 00',
    'a multi-octet tag': '1f8101 00',
    'octets after the structure': '3000 00',
    'a padded integer': '3004 02 02 00 01',
    'a padded negative integer': '3004 02 02 ff ff',
    'an empty integer': '3002 0200',
    'a BOOLEAN that is neither 00 nor FF': '3003 010101',
    'a BOOLEAN of two octets': '3004 0102ffff',
    'a BIT STRING with unused bits that are set': '3004 03020101',
    'a BIT STRING without its count': '3002 0300',
    'a BIT STRING of nothing with unused bits': '3003 030101',
    'a padded object identifier': '3004 06028001',
    'an object identifier that is cut off': '3004 06022a81',
    'a constructed string': '3005 2c03 0c0161',
    'a NULL with content': '3003 050100',
    'a primitive SEQUENCE': '3002 1000',
    nothing: '',
  };
  for (const [what, text] of Object.entries(wrong)) {
    it(what, () => {
      expect(refusal(() => checkDer(hex(text)))).toBe('bad-der');
    });
  }

  it('nesting deeper than any request of ours', () => {
    let der: Uint8Array = hex('0500');
    for (let depth = 0; depth < 40; depth++) der = encodeSequence(der);
    expect(refusal(() => checkDer(der))).toBe('bad-der');
  });

  it('more elements than any request of ours', () => {
    const many = Array.from({ length: 5000 }, () => hex('0500'));
    expect(refusal(() => checkDer(encodeSequence(...many)))).toBe('bad-der');
  });

  it('every truncation and every trailing octet of a structure that was right', () => {
    const der = encodeSequence(encodeOid('1.2.840.10045.2.1'), encodeBitString(Buffer.alloc(200, 7)));
    checkDer(der);
    for (let length = 0; length < der.length; length++) {
      expect(refusal(() => checkDer(der.subarray(0, length)))).toBe('bad-der');
    }
    expect(refusal(() => checkDer(Buffer.concat([der, hex('00')])))).toBe('bad-der');
  });

  it('a reader that says end() where something is left', () => {
    const reader = new DerReader(encodeSequence(hex('0500'), hex('0500'))).sequence('it');
    reader.any();
    expect(refusal(() => reader.end('it'))).toBe('bad-der');
  });

  it('impossible dates', () => {
    const time = (text: string) => readElement(encodeElement(0x17, Buffer.from(text)));
    for (const text of [
      '230231000000Z',
      '231301000000Z',
      '230101240000Z',
      '2301010000Z',
      '230101000000+0000',
    ]) {
      expect(refusal(() => readTime(time(text)))).toBe('bad-der');
    }
    const long = readElement(encodeElement(0x18, Buffer.from('00500101000000Z')));
    expect(refusal(() => readTime(long))).toBe('bad-der');
  });
});
