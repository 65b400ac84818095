import type { KeyPair } from './csr.ts';
import { bits, hex, integer, nothing, octets, oid, seq, unsignedOctets } from './der.ts';
import { CURVES, type CurveName, type EcKey, ecKey, ecSpki } from './keys-ec.ts';
import { ID } from './oids.ts';
import { refuses, type Vector } from './vector.ts';

const P256 = CURVES['P-256'].ecdsa.Point;

/** The vector's own P-256 key, written down in another way; its signature holds. */
function keyAs(stem: string, spkiOf: (key: EcKey) => Buffer): KeyPair {
  const key = ecKey(stem);
  return { ...key, spki: spkiOf(key) };
}

const point = (stem: string, pointOf: (key: EcKey) => Buffer, why: string, clause: string): Vector =>
  refuses(
    stem,
    'bad-key',
    { key: keyAs(stem, (key) => ecSpki(oid(key.curve), pointOf(key))) },
    { why, clause },
  );

const parameters = (stem: string, bytes: Buffer, why: string): Vector =>
  refuses(
    stem,
    'bad-key',
    { key: keyAs(stem, (key) => ecSpki(bytes, key.point)) },
    { why, clause: 'RFC 5480, 2.1.1' },
  );

const curve = (stem: string, named: CurveName): Vector =>
  refuses(
    stem,
    'curve-not-allowed',
    { key: ecKey(stem, named) },
    { why: `the curve ${named}`, clause: 'RFC 5480, 2.1.1.1' },
  );

/** 02/03 with x (SEC 1, 2.3.3). */
const compressed = (key: EcKey): Buffer =>
  Buffer.concat([Buffer.of(2 + ((key.point.at(-1) ?? 0) & 1)), key.point.subarray(1, 33)]);

/** 06/07 with x and y (X9.62, 4.3.6). */
function withLead(key: EcKey, lead: number): Buffer {
  return Buffer.concat([Buffer.of(lead), key.point.subarray(1)]);
}

const changed = (key: EcKey): Buffer => {
  const copy = Buffer.from(key.point);
  copy[copy.length - 1] = (copy.at(-1) ?? 0) ^ 1;
  return copy;
};

/** A point of P-256 whose x stands p higher than it may: below 2^256, yet no element of the field. */
function unreducedPoint(): Buffer {
  const { ORDER: p } = P256.Fp;
  for (let x = 1n; ; x++) {
    try {
      const { y } = P256.fromBytes(Buffer.concat([hex('02'), unsignedOctets(x, 32)])).toAffine();
      return Buffer.concat([hex('04'), unsignedOctets(x + p, 32), unsignedOctets(y, 32)]);
    } catch {
      // No point of the curve has this x; the next one may.
    }
  }
}

/** P-256 spelled out (RFC 3279, 2.3.5), over a generator that may be another one. */
function explicitCurve(generator: Uint8Array): Buffer {
  const { p, a, b, n } = P256.CURVE();
  return seq(
    integer(1n),
    seq(oid(ID.primeField), integer(p)),
    seq(octets(unsignedOctets(a, 32)), octets(unsignedOctets(b, 32))),
    octets(generator),
    integer(n),
    integer(1n),
  );
}

/** EC keys: on no curve, on the wrong one, or not in the one form that is taken. */
export const ecCases = (): readonly Vector[] => [
  point('ec-off-curve', changed, 'the point is not on P-256', 'RFC 5480, 2.2; NIST SP 800-56A, 5.6.2.3.3'),
  refuses(
    'ec-off-curve-p384',
    'bad-key',
    {
      key: {
        ...ecKey('ec-off-curve-p384', 'P-384', 'sha384'),
        spki: ecSpki(oid(CURVES['P-384'].oid), changed(ecKey('ec-off-curve-p384', 'P-384'))),
      },
    },
    { why: 'the point is not on P-384', clause: 'NIST SP 800-56A, 5.6.2.3.3' },
  ),
  point('ec-unreduced-x', unreducedPoint, 'x is not smaller than the prime', 'NIST SP 800-56A, 5.6.2.3.3'),
  point(
    'ec-zero-point',
    () => Buffer.concat([hex('04'), Buffer.alloc(64)]),
    'x and y are zero',
    'NIST SP 800-56A, 5.6.2.3.3',
  ),
  point('ec-infinity', () => hex('00'), 'the point at infinity, one octet 00', 'SEC 1, 2.3.3 and 3.2.2.1'),
  point(
    'ec-infinity-padded',
    () => Buffer.alloc(65),
    'the point at infinity, padded to the length of a point',
    'SEC 1, 2.3.4',
  ),
  point('ec-empty-point', () => Buffer.alloc(0), 'the key bits are empty', 'SEC 1, 2.3.4'),
  point(
    'ec-compressed',
    compressed,
    'the point is compressed: the key would have two digests',
    'RFC 5480, 2.2',
  ),
  point(
    'ec-hybrid',
    (key) => withLead(key, 6 + ((key.point.at(-1) ?? 0) & 1)),
    'the point is in hybrid form',
    'RFC 5480, 2.2',
  ),
  point(
    'ec-hybrid-wrong-sign',
    (key) => withLead(key, 7 - ((key.point.at(-1) ?? 0) & 1)),
    'the hybrid form contradicts itself',
    'RFC 5480, 2.2',
  ),
  point(
    'ec-unknown-form',
    (key) => withLead(key, 5),
    'a point begins with 05, which means nothing',
    'SEC 1, 2.3.4',
  ),
  point('ec-short-point', (key) => key.point.subarray(0, 64), 'the point is one octet short', 'SEC 1, 2.3.4'),
  point(
    'ec-long-point',
    (key) => Buffer.concat([key.point, hex('00')]),
    'the point is one octet too long',
    'SEC 1, 2.3.4',
  ),
  refuses(
    'ec-point-of-p384-named-p256',
    'bad-key',
    {
      key: {
        ...ecKey('ec-point-of-p384', 'P-384', 'sha384'),
        spki: ecSpki(oid(CURVES['P-256'].oid), ecKey('ec-point-of-p384', 'P-384').point),
      },
    },
    { why: 'the point belongs to a larger curve than the one that is named', clause: 'RFC 5480, 2.2' },
  ),
  parameters(
    'ec-explicit-parameters',
    explicitCurve(Buffer.from(P256.BASE.toBytes(false))),
    'the curve is spelled out instead of named',
  ),
  refuses(
    'ec-explicit-own-generator',
    'bad-key',
    { key: keyAs('ec-explicit-own-generator', (key) => ecSpki(explicitCurve(key.point), key.point)) },
    {
      why: 'the curve is spelled out, and the key is its own generator: the private number is 1',
      clause: 'RFC 5480, 2.1.1; CVE-2020-0601',
    },
  ),
  refuses(
    'ec-without-parameters',
    'bad-key',
    { key: keyAs('ec-without-parameters', (key) => seq(seq(oid(ID.ecPublicKey)), bits(key.point))) },
    { why: 'no curve is named', clause: 'RFC 5480, 2.1.1' },
  ),
  parameters('ec-null-parameters', nothing(), 'NULL stands for the curve (implicitCurve)'),
  refuses(
    'ec-key-bits-unused',
    'bad-key',
    {
      key: keyAs('ec-key-bits-unused', (key) =>
        seq(seq(oid(ID.ecPublicKey), oid(key.curve)), bits(Buffer.concat([key.point, hex('00')]), 1)),
      ),
    },
    {
      why: 'the key is not a whole number of octets',
      clause: 'RFC 5480, 2.2',
      alsoCodes: ['bad-der', 'bad-csr'],
    },
  ),
  curve('ec-secp256k1', 'secp256k1'),
  curve('ec-p192', 'P-192'),
  curve('ec-p224', 'P-224'),
  curve('ec-brainpool-p256r1', 'brainpoolP256r1'),
  refuses(
    'ec-unknown-curve',
    'curve-not-allowed',
    { key: keyAs('ec-unknown-curve', (key) => ecSpki(oid(ID.example), key.point)) },
    { why: 'the curve is nobody knows which', clause: 'RFC 5480, 2.1.1.1' },
  ),
];
