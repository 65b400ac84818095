import { describe, expect, it } from 'vitest';
import { encodeUnsigned, readElement } from '../../src/asn1/index.ts';
import { mintSerial } from '../../src/ca/index.ts';
import type { Random } from '../../src/random.ts';
import { seededRandom } from '../support/fixed.ts';

/** Gives the octets that are listed, one list after the other. */
const scripted = (...lists: readonly number[][]): Random & { readonly left: number } => {
  const waiting = [...lists];
  return {
    bytes: (size) => {
      const octets = Uint8Array.from(waiting.shift() ?? []);
      if (octets.length !== size) throw new Error(`${size} octets were asked for`);
      return octets;
    },
    get left() {
      return waiting.length;
    },
  };
};

const octets = (first: number): number[] => [first, ...Array.from({ length: 15 }, (_, i) => i)];

describe('a serial', () => {
  it('has 16 octets in DER too: positive, the first not zero', () => {
    const random = seededRandom('serials');
    for (let i = 0; i < 10_000; i++) {
      const serial = mintSerial(random);
      const [first = 0] = serial;
      if (serial.length !== 16 || first === 0 || first > 0x7f) expect.unreachable();
      if (i % 100 === 0) {
        const element = readElement(encodeUnsigned(serial));
        expect(element.end - element.contentStart).toBe(16);
      }
    }
  });

  it('is unique ten thousand times, and uses all 127 bits', () => {
    const random = seededRandom('serials');
    const serials = Array.from({ length: 10_000 }, () => mintSerial(random));
    expect(new Set(serials.map((serial) => Buffer.from(serial).toString('hex'))).size).toBe(10_000);
    for (let bit = 1; bit < 128; bit++) {
      const set = serials.filter((serial) => ((serial[bit >> 3] ?? 0) >> (7 - (bit & 7))) & 1).length;
      expect(set).toBeGreaterThan(4_600);
      expect(set).toBeLessThan(5_400);
    }
  });

  it('drops the top bit, and is drawn again where its first octet is zero', () => {
    expect(mintSerial(scripted(octets(0xff)))[0]).toBe(0x7f);
    const random = scripted(octets(0x00), octets(0x80), octets(0x81));
    expect([...mintSerial(random)]).toEqual(octets(0x01));
    expect(random.left).toBe(0);
  });

  it('does not change the octets that it was given', () => {
    const given = Uint8Array.from(octets(0xff));
    mintSerial({ bytes: () => given });
    expect(given[0]).toBe(0xff);
  });
});
