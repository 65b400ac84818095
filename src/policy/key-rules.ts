import { PkiError } from '../errors.ts';
import type { DeviceKeyAlgorithm, KeyKind } from '../x509/index.ts';
import { findRsaWeakness } from './rsa-weakness.ts';

/** Which keys a profile takes. */
export interface KeyRules {
  readonly curves: readonly string[];
  /** Modulus sizes in bits, inclusive; null: no RSA. */
  readonly rsa: { readonly minBits: number; readonly maxBits: number } | null;
  readonly ed25519: boolean;
}

/** Bounds of FIPS 186-5, 5.4(e): odd and 2^16 < e < 2^256. */
const MIN_EXPONENT = 65_537n;
const MAX_EXPONENT = 2n ** 256n;
/** What the cryptographic library verifies with in bounded time. */
const MAX_MODULUS_BITS = 8_192;

const P25519 = 2n ** 255n - 19n;
/** A root of d·y⁴ + 2y² − 1: doubling it twice gives the point of order 2. */
const ORDER_8_Y = 2707385501144840649318225287225658788936804267575313519463743609750303402022n;
/**
 * The y-coordinates of the points of order 1, 2, 4 and 8: a public key that is one of them takes
 * signatures that anybody can make, and OpenSSL verifies those.
 */
const LOW_ORDER_Y: ReadonlySet<bigint> = new Set([0n, 1n, P25519 - 1n, ORDER_8_Y, P25519 - ORDER_8_Y]);

function verifyRsaSize(bits: number, rules: KeyRules['rsa']): void {
  if (rules === null) throw new PkiError('algorithm-not-allowed', 'This profile takes no RSA keys.');
  if (bits < rules.minBits) {
    throw new PkiError('weak-key', `The RSA key has ${bits} bits; at least ${rules.minBits} are needed.`, {
      facts: { bits },
    });
  }
  if (bits > Math.min(rules.maxBits, MAX_MODULUS_BITS)) {
    throw new PkiError('bad-key', `The RSA key has ${bits} bits; at most ${rules.maxBits} are taken.`, {
      facts: { bits },
    });
  }
}

function verifyRsa(modulus: bigint, bits: number, exponent: bigint, rules: KeyRules['rsa']): void {
  verifyRsaSize(bits, rules);
  if (exponent % 2n === 0n || exponent < MIN_EXPONENT || exponent >= MAX_EXPONENT) {
    throw new PkiError(
      'bad-key',
      "The RSA key's exponent must be odd, at least 65537 and below 2^256 (FIPS 186-5, 5.4).",
    );
  }
  const weakness = findRsaWeakness(modulus);
  if (weakness !== undefined) {
    throw new PkiError(
      'broken-key',
      `The RSA key gives its private key away: ${weakness}. Make a new one, elsewhere.`,
    );
  }
}

function verifyEd25519Allowed(allowed: boolean): void {
  if (!allowed) throw new PkiError('algorithm-not-allowed', 'This profile takes no Ed25519 keys.');
}

function verifyEd25519(point: Uint8Array, allowed: boolean): void {
  verifyEd25519Allowed(allowed);
  const littleEndian = BigInt(`0x${Buffer.from(point).reverse().toString('hex')}`);
  const y = littleEndian & (2n ** 255n - 1n);
  if (y >= P25519) throw new PkiError('bad-key', 'The Ed25519 key is not in its one right encoding.');
  if (LOW_ORDER_Y.has(y)) {
    throw new PkiError('bad-key', 'The Ed25519 key is a point of low order: anybody can sign for it.');
  }
}

function verifyCurve(curve: string, { curves }: KeyRules): void {
  if (curves.includes(curve)) return;
  throw new PkiError('curve-not-allowed', `This profile takes no EC ${curve} keys.`, { facts: { curve } });
}

/**
 * Judges the kind of key that is to be made, before it is: an RSA key takes long. Refuses
 * `curve-not-allowed`, `algorithm-not-allowed`, `weak-key`, `bad-key`.
 */
export function verifyAlgorithmRules(algorithm: DeviceKeyAlgorithm, rules: KeyRules): void {
  switch (algorithm) {
    case 'ec-p256':
      verifyCurve('P-256', rules);
      return;
    case 'ec-p384':
      verifyCurve('P-384', rules);
      return;
    case 'rsa-2048':
      verifyRsaSize(2048, rules.rsa);
      return;
    case 'rsa-3072':
      verifyRsaSize(3072, rules.rsa);
      return;
    case 'ed25519':
      verifyEd25519Allowed(rules.ed25519);
      return;
  }
}

/**
 * Judges a device's key by the profile's rules and by what is known of broken keys. Refuses
 * `curve-not-allowed`, `algorithm-not-allowed`, `weak-key`, `bad-key`, `broken-key`.
 */
export function verifyKeyRules(key: KeyKind, rules: KeyRules): void {
  switch (key.kind) {
    case 'ec':
      verifyCurve(key.curve, rules);
      return;
    case 'rsa':
      verifyRsa(key.modulus, key.modulusBits, key.exponent, rules.rsa);
      return;
    case 'ed25519':
      verifyEd25519(key.point, rules.ed25519);
  }
}
