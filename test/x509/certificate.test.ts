import { createPublicKey, sign } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  encodeBitString,
  encodeElement,
  encodeNull,
  encodeOid,
  encodeSequence,
  OID,
  readElement,
} from '../../src/asn1/index.ts';
import {
  assembleCertificate,
  certificateFingerprint,
  encodeBasicConstraints,
  encodeCertificatePem,
  encodeExtensions,
  encodeKeyUsage,
  encodeName,
  encodeSignatureAlgorithm,
  encodeTbs,
  KEY_USAGES,
  parseCertificate,
  parseCertificates,
  parseName,
  parseTbs,
  readBack,
  readBasicConstraints,
  readExtensions,
  readKeyUsage,
  type TbsContent,
} from '../../src/x509/index.ts';
import { makeKey } from '../support/csr.ts';
import { codeOf } from '../support/refusal.ts';

const keys = (['P-256', 'P-384', 'P-521', 'ed25519', 'rsa-2048'] as const).map((kind) => makeKey(kind));
const [key] = keys as [(typeof keys)[number]];

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
/** Octets as text, so that a Buffer equals a Uint8Array. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return hex(value);
  if (value === null || typeof value !== 'object' || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(plain);
  return Object.fromEntries(Object.entries(value).map(([field, inner]) => [field, plain(inner)]));
}

const oid = fc
  .tuple(fc.constantFrom(0, 1, 2), fc.nat(39), fc.array(fc.nat(100_000), { minLength: 1, maxLength: 6 }))
  .map(([top, second, rest]) => [top, second, ...rest].join('.'));
const extension = fc.record({ oid, critical: fc.boolean(), value: fc.uint8Array({ maxLength: 40 }) });
const extensions = fc.uniqueArray(extension, { selector: (e) => e.oid, minLength: 1, maxLength: 6 });
const attribute = fc.oneof(
  fc.record({
    type: fc.constantFrom(OID.commonName, OID.organizationName),
    value: fc.string({ unit: 'grapheme', maxLength: 20 }),
  }),
  fc.record({
    type: fc.constantFrom(OID.countryName, OID.serialNumber),
    value: fc.string({ unit: fc.constantFrom(..."ABcd019 '()+,-./:=?"), maxLength: 12 }),
  }),
);
const name = fc.array(attribute, { minLength: 1, maxLength: 5 });
const instant = fc
  .integer({ min: Date.UTC(1950, 0, 1) / 1000, max: Date.UTC(9999, 11, 31) / 1000 })
  .map((seconds) => new Date(seconds * 1000));
const serial = fc.uint8Array({ minLength: 1, maxLength: 20 }).map((octets) => {
  octets[0] = ((octets[0] ?? 0) & 0x7f) | 0x01;
  return octets;
});
const content = fc.record({
  serial,
  algorithm: fc.constantFrom(...keys.map(({ algorithm }) => algorithm)),
  issuer: name.map(encodeName),
  notBefore: instant,
  notAfter: instant,
  subject: name.map(encodeName),
  publicKey: fc.constantFrom(...keys.map(({ spki }) => spki)),
  extensions,
}) satisfies fc.Arbitrary<TbsContent>;

describe('what we write we read as the same', () => {
  it('names', () => {
    fc.assert(
      fc.property(name, (attributes) => {
        const { rdns, der } = parseName(encodeName(attributes));
        expect(rdns.map(([only, ...more]) => [only?.type, only?.value, more.length])).toEqual(
          attributes.map(({ type, value }) => [type, value, 0]),
        );
        expect(hex(der)).toBe(hex(encodeName(attributes)));
      }),
      { numRuns: 200, seed: 5 },
    );
  });

  it('extensions', () => {
    fc.assert(
      fc.property(extensions, (list) => {
        expect(plain(readExtensions(readElement(encodeExtensions(list))))).toEqual(plain(list));
      }),
      { numRuns: 200, seed: 6 },
    );
  });

  it('keyUsage and basicConstraints', () => {
    fc.assert(
      fc.property(fc.subarray([...KEY_USAGES]), fc.option(fc.nat(100)), (usages, pathLength) => {
        const usage = { oid: OID.keyUsage, critical: true, value: encodeKeyUsage(usages) };
        expect(readKeyUsage(usage)).toEqual(usages);
        for (const basic of [
          { ca: true, pathLength },
          { ca: false, pathLength: null },
        ]) {
          const value = encodeBasicConstraints(basic);
          expect(readBasicConstraints({ oid: OID.basicConstraints, critical: true, value })).toEqual(basic);
        }
      }),
      { numRuns: 100, seed: 7 },
    );
  });

  it('tbsCertificates, every field', () => {
    fc.assert(
      fc.property(content, (wanted) => {
        const tbs = parseTbs(encodeTbs(wanted));
        const { issuer, subject, publicKey, ...rest } = tbs;
        expect(
          plain({ ...rest, issuer: issuer.der, subject: subject.der, publicKey: publicKey.spki }),
        ).toEqual(plain({ ...wanted, tbs: encodeTbs(wanted) }));
      }),
      { numRuns: 100, seed: 8 },
    );
  });

  it('tbsCertificates without extensions', () => {
    const [wanted] = fc.sample(content, { numRuns: 1, seed: 9 });
    expect(parseTbs(encodeTbs({ ...(wanted as TbsContent), extensions: [] })).extensions).toEqual([]);
  });

  it('and another library reads the same in a certificate', async () => {
    await fc.assert(
      fc.asyncProperty(content, async (wanted) => {
        const der = assembleCertificate(encodeTbs(wanted), wanted.algorithm, new Uint8Array(64));
        const ours = parseCertificate(der);
        const theirs = await readBack(der);
        expect(theirs.serial.padStart(ours.serial.length * 2, '0')).toBe(hex(ours.serial));
        expect([theirs.notBefore, theirs.notAfter]).toEqual([ours.notBefore, ours.notAfter]);
        expect([hex(theirs.subject), hex(theirs.issuer)]).toEqual([
          hex(ours.subject.der),
          hex(ours.issuer.der),
        ]);
        expect(hex(theirs.publicKey)).toBe(hex(ours.publicKey.spki));
        expect(theirs.extensions).toEqual(ours.extensions.map((e) => ({ oid: e.oid, critical: e.critical })));
      }),
      { numRuns: 15, seed: 10 },
    );
  });
});

const tbs = encodeTbs({
  serial: Buffer.alloc(16, 0x42),
  algorithm: key.algorithm,
  issuer: encodeName([{ type: OID.commonName, value: 'root' }]),
  notBefore: new Date('2026-01-01T00:00:00Z'),
  notAfter: new Date('2027-01-01T00:00:00Z'),
  subject: encodeName([{ type: OID.commonName, value: 'device-1' }]),
  publicKey: key.spki,
  extensions: [{ oid: OID.keyUsage, critical: true, value: encodeKeyUsage(['digitalSignature']) }],
});
const signature = sign('sha256', tbs, key.privateKey);
const der = assembleCertificate(tbs, key.algorithm, signature);

describe('a certificate', () => {
  it('that is cut off, or followed by anything, is refused', () => {
    for (let length = 0; length < der.length; length++) {
      expect(codeOf(() => parseCertificate(der.subarray(0, length)))).toBe('bad-der');
    }
    expect(codeOf(() => parseCertificate(Buffer.concat([der, Buffer.of(0)])))).toBe('bad-der');
    expect(codeOf(() => parseTbs(Buffer.concat([tbs, Buffer.of(0)])))).toBe('bad-der');
  });

  it('is a PkiError at worst, whatever octet is changed to whatever', () => {
    fc.assert(
      fc.property(fc.nat(der.length - 1), fc.nat(255), (at, octet) => {
        const changed = Uint8Array.from(der);
        changed[at] = octet;
        codeOf(() => parseCertificate(changed));
      }),
      { numRuns: 500, seed: 11 },
    );
  });

  const version = (...octets: number[]): Uint8Array =>
    Buffer.from(
      hex(tbs).replace('a003020102', hex(encodeElement(0xa0, encodeElement(2, Uint8Array.from(octets))))),
      'hex',
    );
  /** The TBS with another length after its content has changed. */
  const relength = (octets: Uint8Array): Uint8Array => {
    const { contentStart } = readElement(tbs);
    return encodeSequence(octets.subarray(contentStart));
  };
  const of = (body: Uint8Array): Uint8Array => assembleCertificate(body, key.algorithm, signature);

  it('of another version than 3 is refused', () => {
    expect(codeOf(() => parseCertificate(of(relength(version(2)))))).toBe('taken');
    for (const octets of [[0], [1], [3], [2, 1], [2, 0]]) {
      expect(codeOf(() => parseCertificate(of(relength(version(...octets)))))).toBe('bad-ca-certificate');
    }
    const first = relength(Buffer.from(hex(tbs).replace('a003020102', ''), 'hex'));
    expect(codeOf(() => parseCertificate(of(first)))).toBe('bad-ca-certificate');
  });

  it('that is a SET where a SEQUENCE is due is refused', () => {
    const inner = der.subarray(readElement(der).contentStart);
    expect(codeOf(() => parseCertificate(encodeElement(0x31, inner)))).toBe('bad-der');
    expect(codeOf(() => parseCertificate(encodeElement(0x30, inner)))).toBe('taken');
  });

  it('that names two signature algorithms, or one in two forms, is refused', () => {
    const algorithm = encodeSignatureAlgorithm;
    const outer = (identifier: Uint8Array) => encodeSequence(tbs, identifier, encodeBitString(signature));
    expect(codeOf(() => parseCertificate(outer(algorithm('ecdsa-with-SHA256'))))).toBe('taken');
    expect(codeOf(() => parseCertificate(outer(algorithm('ecdsa-with-SHA384'))))).toBe('bad-ca-certificate');
    const withNull = encodeSequence(encodeOid(OID.ecdsaWithSha256), encodeNull());
    expect(codeOf(() => parseCertificate(outer(withNull)))).toBe('bad-ca-certificate');
  });

  it('with a signature that is not whole octets is refused', () => {
    const bits = encodeElement(
      3,
      Uint8Array.of(1),
      Buffer.concat([signature.subarray(0, -1), Buffer.of(0xfe)]),
    );
    expect(
      codeOf(() => parseCertificate(encodeSequence(tbs, encodeSignatureAlgorithm(key.algorithm), bits))),
    ).toBe('bad-ca-certificate');
  });

  it('is identified by the SHA-256 over the whole of it', () => {
    expect(hex(certificateFingerprint(der))).toHaveLength(64);
    expect(hex(certificateFingerprint(der))).not.toBe(hex(certificateFingerprint(tbs)));
  });
});

describe('certificates in PEM', () => {
  const pem = encodeCertificatePem(der);

  it('are read in order, with text around them', () => {
    expect(parseCertificates(`leaf\n${pem}\n${pem}end`)).toHaveLength(2);
  });

  it('are refused where there is none, or something else among them', () => {
    const spki = createPublicKey(key.privateKey).export({ format: 'pem', type: 'spki' });
    for (const text of ['', 'nothing', String(spki), pem + spki, pem + key.pkcs8Pem]) {
      expect(codeOf(() => parseCertificates(text))).toBe('bad-pem');
    }
  });
});

describe('a name', () => {
  it('is refused where its octets are cut off, followed by others, or something else', () => {
    const octets = encodeName([{ type: OID.commonName, value: 'device-1' }]);
    for (let length = 0; length < octets.length; length++) {
      expect(codeOf(() => parseName(octets.subarray(0, length)))).toBe('bad-der');
    }
    expect(codeOf(() => parseName(Buffer.concat([octets, Buffer.of(0)])))).toBe('bad-der');
    expect(codeOf(() => parseName(encodeElement(0x31, octets.subarray(2))))).toBe('bad-der');
  });

  it('that must be a PrintableString takes no other characters', () => {
    expect(codeOf(() => encodeName([{ type: OID.countryName, value: 'Ü' }]))).toBe('bad-request');
    expect(codeOf(() => encodeName([{ type: OID.serialNumber, value: 'a_b' }]))).toBe('bad-request');
  });
});
