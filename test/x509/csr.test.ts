import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodePem, OID } from '../../src/asn1/index.ts';
import { PkiError } from '../../src/errors.ts';
import { attributesOf, decodeCsr, parseCsr, proveCsr } from '../../src/x509/index.ts';
import { makeCsr, makeKey, type TestKeyKind } from '../support/csr.ts';

const code = (act: () => unknown): string => {
  try {
    act();
  } catch (error) {
    if (error instanceof PkiError) return error.code;
    throw error;
  }
  return 'taken';
};

describe('a certificate request', () => {
  for (const kind of ['P-256', 'P-384', 'P-521', 'rsa-2048', 'ed25519'] as TestKeyKind[]) {
    it(`with a key of kind ${kind} is read and proven`, () => {
      const key = makeKey(kind);
      const csr = parseCsr(makeCsr({ deviceId: 'WVWZZZ1JZXW000001', key }));
      expect(proveCsr(csr).csr).toBe(csr);
      expect(attributesOf(csr.subject, OID.commonName)[0]?.value).toBe('WVWZZZ1JZXW000001');
      expect(Buffer.compare(csr.publicKey.spki, key.spki)).toBe(0);
    });
  }

  const der = makeCsr({ deviceId: 'device-0001' });

  it('with any one bit flipped is refused', () => {
    fc.assert(
      fc.property(fc.nat(der.length * 8 - 1), (bit) => {
        const flipped = Uint8Array.from(der);
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(code(() => proveCsr(parseCsr(flipped)))).not.toBe('taken');
      }),
      { numRuns: 400, seed: 20 },
    );
  });

  it('that is cut off or followed by anything is refused', () => {
    for (let length = 0; length < der.length; length++) {
      expect(code(() => parseCsr(der.subarray(0, length)))).not.toBe('taken');
    }
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 1, maxLength: 8 }), (more) => {
        expect(code(() => parseCsr(Buffer.concat([der, more])))).toBe('bad-der');
      }),
      { seed: 20 },
    );
  });

  it('is a PkiError at worst, whatever the octets', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (octets) => {
        code(() => proveCsr(parseCsr(decodeCsr(octets))));
      }),
      { numRuns: 500, seed: 20 },
    );
  });

  it('is a PkiError at worst, whatever octet is changed to whatever', () => {
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.nat(255), (at, octet) => {
        const changed = Uint8Array.from(der);
        changed[at] = octet;
        code(() => proveCsr(parseCsr(changed)));
      }),
      { numRuns: 400, seed: 20 },
    );
  });

  it('of more than 32 KiB is refused before it is read', () => {
    expect(code(() => parseCsr(Buffer.alloc(40_000, 0x30)))).toBe('too-large');
  });

  it('is taken as DER and as PEM, under both labels', () => {
    const pem = Buffer.from(encodePem('CERTIFICATE REQUEST', der));
    const old = Buffer.from(encodePem('NEW CERTIFICATE REQUEST', der));
    for (const input of [der, pem, old]) expect(Buffer.compare(decodeCsr(input), der)).toBe(0);
  });

  it('that comes with a private key is refused, and the key is not in the message', () => {
    const { pkcs8Pem } = makeKey();
    const input = Buffer.from(encodePem('CERTIFICATE REQUEST', der) + pkcs8Pem);
    try {
      decodeCsr(input);
      expect.unreachable();
    } catch (error) {
      expect((error as PkiError).code).toBe('bad-pem');
      for (const line of pkcs8Pem.split('\n').slice(1, -2)) expect(String(error)).not.toContain(line);
    }
  });
});
