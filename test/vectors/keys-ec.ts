import { createHash } from 'node:crypto';
import { type ECDSA, ecdsa, weierstrass } from '@noble/curves/abstract/weierstrass.js';
import { p256, p384, p521 } from '@noble/curves/nist.js';
import { secp256k1 } from '@noble/curves/secp256k1.js';
import type { KeyPair } from './csr.ts';
import { bits, integer, oid, seq, toNumber, unsignedOctets } from './der.ts';
import { numberFrom } from './numbers.ts';
import { ECDSA_SIGNATURE_ID, ID } from './oids.ts';

export type CurveName = 'P-256' | 'P-384' | 'P-521' | 'P-192' | 'P-224' | 'secp256k1' | 'brainpoolP256r1';

interface Curve {
  readonly oid: string;
  readonly ecdsa: ECDSA;
}

/** The library's own SHA-256, which the declared type of a scheme does not show. */
const SHA256 = (p256 as ECDSA & { readonly hash: Parameters<typeof ecdsa>[1] }).hash;

/** A curve of prime order by its numbers (SEC 2; RFC 5639); nonces come from HMAC-SHA-256. */
function curveOf(p: bigint, a: bigint, b: bigint, n: bigint, generator: readonly [bigint, bigint]): ECDSA {
  const [Gx, Gy] = generator;
  return ecdsa(weierstrass({ p, a, b, n, h: 1n, Gx, Gy }), SHA256);
}

const P192 = 0xfffffffffffffffffffffffffffffffeffffffffffffffffn;
const P224 = 0xffffffffffffffffffffffffffffffff000000000000000000000001n;

export const CURVES: Readonly<Record<CurveName, Curve>> = {
  'P-256': { oid: '1.2.840.10045.3.1.7', ecdsa: p256 },
  'P-384': { oid: '1.3.132.0.34', ecdsa: p384 },
  'P-521': { oid: '1.3.132.0.35', ecdsa: p521 },
  secp256k1: { oid: '1.3.132.0.10', ecdsa: secp256k1 },
  'P-192': {
    oid: '1.2.840.10045.3.1.1',
    ecdsa: curveOf(
      P192,
      P192 - 3n,
      0x64210519e59c80e70fa7e9ab72243049feb8deecc146b9b1n,
      0xffffffffffffffffffffffff99def836146bc9b1b4d22831n,
      [
        0x188da80eb03090f67cbf20eb43a18800f4ff0afd82ff1012n,
        0x07192b95ffc8da78631011ed6b24cdd573f977a11e794811n,
      ],
    ),
  },
  'P-224': {
    oid: '1.3.132.0.33',
    ecdsa: curveOf(
      P224,
      P224 - 3n,
      0xb4050a850c04b3abf54132565044b0b7d7bfd8ba270b39432355ffb4n,
      0xffffffffffffffffffffffffffff16a2e0b8f03e13dd29455c5c2a3dn,
      [
        0xb70e0cbd6bb4bf7f321390b94a03c1d356c21122343280d6115c1d21n,
        0xbd376388b5f723fb4c22dfe6cd4375a05a07476444d5819985007e34n,
      ],
    ),
  },
  brainpoolP256r1: {
    oid: '1.3.36.3.3.2.8.1.1.7',
    ecdsa: curveOf(
      0xa9fb57dba1eea9bc3e660a909d838d726e3bf623d52620282013481d1f6e5377n,
      0x7d5a0975fc2c3057eef67530417affe7fb8055c126dc5c6ce94a4b44f330b5d9n,
      0x26dc5c6ce94a4b44f330b5d9bbd77cbf958416295cf7e1ce6bccdc18ff8c07b6n,
      0xa9fb57dba1eea9bc3e660a909d838d718c397aa3b561a6f7901e0e82974856a7n,
      [
        0x8bd2aeb9cb7e57cb2c4b482ffc81b7afb9de27e1e3bd23c23a4453bd9ace3262n,
        0x547ef835c3dac4fd97f8461a14611dc9c27745132ded8e545c1d54c72f046997n,
      ],
    ),
  },
};

type EcDigest = keyof typeof ECDSA_SIGNATURE_ID;

export interface EcKey extends KeyPair {
  readonly curve: string;
  /** SEC 1, 2.3.3: 04, x, y. */
  readonly point: Buffer;
  /** The private number, as wide as the curve's order. */
  readonly scalar: Buffer;
  readonly order: bigint;
  /** r and s of a signature (FIPS 186-5; nonces as in RFC 6979). */
  readonly signRaw: (message: Uint8Array) => { readonly r: bigint; readonly s: bigint };
}

export const ecdsaValue = (r: bigint, s: bigint): Buffer => seq(integer(r), integer(s));

/** SubjectPublicKeyInfo of an EC key with any parameters and any point (RFC 5480, section 2). */
export const ecSpki = (parameters: Uint8Array, point: Uint8Array): Buffer =>
  seq(seq(oid(ID.ecPublicKey), parameters), bits(point));

/** The EC key that a label stands for: the same label, the same key. */
export function ecKey(label: string, curve: CurveName = 'P-256', digest: EcDigest = 'sha256'): EcKey {
  const { oid: id, ecdsa: scheme } = CURVES[curve];
  const order = scheme.Point.Fn.ORDER;
  const wide = numberFrom(`ec/${curve}/${label}`, 768);
  const scalar = unsignedOctets((wide % (order - 1n)) + 1n, scheme.Point.Fn.BYTES);
  const point = Buffer.from(scheme.getPublicKey(scalar, false));
  const signRaw = (message: Uint8Array) => {
    const hash = createHash(digest).update(message).digest();
    const pair = scheme.sign(hash, scalar, { prehash: false, lowS: false, format: 'compact' });
    const half = pair.length / 2;
    return { r: toNumber(pair.subarray(0, half)), s: toNumber(pair.subarray(half)) };
  };
  return {
    curve: id,
    point,
    scalar,
    order,
    signRaw,
    spki: ecSpki(oid(id), point),
    algorithm: seq(oid(ECDSA_SIGNATURE_ID[digest])),
    sign: (message) => {
      const { r, s } = signRaw(message);
      return ecdsaValue(r, s);
    },
  };
}
