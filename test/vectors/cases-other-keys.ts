import { ed25519 } from '@noble/curves/ed25519.js';
import type { KeyPair } from './csr.ts';
import { bits, hex, nothing, oid, seq, unsignedOctets } from './der.ts';
import { ecKey } from './keys-ec.ts';
import {
  ED25519_PRIME,
  ed25519Key,
  ed25519Spki,
  encodedPoint,
  LOW_ORDER_POINTS,
  lowOrderKey,
} from './keys-ed25519.ts';
import { dsaKey } from './keys-rsa.ts';
import { numberFrom } from './numbers.ts';
import { ID } from './oids.ts';
import { refuses, type Vector } from './vector.ts';

const isOnCurve = (point: Buffer): boolean => {
  try {
    ed25519.Point.fromBytes(point, true);
    return true;
  } catch {
    return false;
  }
};

/** The first y from `start` on that is, or is not, the y of a point. */
function findY(start: bigint, wanted: boolean): bigint {
  for (let y = start; ; y++) if (isOnCurve(encodedPoint(y % ED25519_PRIME, 0)) === wanted) return y;
}

const lowOrder = (): readonly Vector[] =>
  [...LOW_ORDER_POINTS].map(([label, point]) =>
    refuses(
      `ed25519-${label}`,
      'bad-key',
      { key: lowOrderKey(point) },
      {
        why: `a point of low order (${label}): anybody can sign, and this signature holds in OpenSSL`,
        clause: 'RFC 8032, 5.1.3 and 8.8',
      },
    ),
  );

/** An Ed25519 signature beside key octets that it does not belong to. */
const octetsAs = (stem: string, spki: Buffer): KeyPair => ({ ...ed25519Key(stem), spki });

const notAPoint = (stem: string, octets: Buffer, why: string): Vector =>
  refuses(
    stem,
    'bad-key',
    { key: octetsAs(stem, ed25519Spki(octets)) },
    {
      why,
      clause: 'RFC 8032, 5.1.3; RFC 8410, 4',
      alsoCodes: ['bad-signature'],
    },
  );

/** A key of a kind that is not taken. No one can check its proof, so an EC signature stands in. */
const foreign = (stem: string, algorithm: string, size: number, why: string, clause: string): Vector =>
  refuses(
    stem,
    'algorithm-not-allowed',
    {
      key: {
        ...ecKey(stem),
        spki: seq(seq(oid(algorithm)), bits(unsignedOctets(numberFrom(stem, size * 8), size))),
      },
    },
    { why, clause },
  );

/** Keys that are neither RSA nor EC: Ed25519 of no worth, and kinds that are not taken. */
export const otherKeyCases = (): readonly Vector[] => [
  ...lowOrder(),
  notAPoint(
    'ed25519-unreduced-y',
    encodedPoint(findY(2n, true) + ED25519_PRIME, 0),
    'y is not reduced modulo the prime',
  ),
  notAPoint('ed25519-off-curve', encodedPoint(findY(2n, false), 0), 'no point has this y'),
  notAPoint('ed25519-short', ed25519Key('ed25519-short').spki.subarray(-31), 'the key has 31 octets'),
  notAPoint(
    'ed25519-long',
    Buffer.concat([ed25519Key('ed25519-long').spki.subarray(-32), hex('00')]),
    'the key has 33 octets',
  ),
  refuses(
    'ed25519-key-parameters',
    'bad-key',
    {
      key: octetsAs(
        'ed25519-key-parameters',
        seq(seq(oid(ID.ed25519), nothing()), bits(ed25519Key('ed25519-key-parameters').spki.subarray(-32))),
      ),
    },
    {
      why: 'the key algorithm has parameters; they must be absent',
      clause: 'RFC 8410, 3',
      alsoCodes: ['algorithm-not-allowed', 'bad-csr'],
    },
  ),
  refuses(
    'dsa-2048',
    'algorithm-not-allowed',
    { key: dsaKey() },
    { why: 'a DSA key', clause: 'FIPS 186-5, withdrawn' },
  ),
  foreign('ed448-key', ID.ed448, 57, 'an Ed448 key', 'RFC 8410, 3'),
  foreign('x25519-key', ID.x25519, 32, 'a key for key agreement, which cannot sign', 'RFC 8410, 3'),
  foreign('unknown-key-algorithm', ID.example, 32, 'a key of an unknown kind', 'RFC 5280, 4.1.2.7'),
];
