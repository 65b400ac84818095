import { createHash } from 'node:crypto';
import { ed25519 } from '@noble/curves/ed25519.js';
import type { KeyPair } from './csr.ts';
import { bits, oid, seq, unsignedOctets } from './der.ts';
import { numberFrom } from './numbers.ts';
import { ID } from './oids.ts';

const { BASE, Fn } = ed25519.Point;
/** The order of the base point (RFC 8032, 5.1). */
const ED25519_ORDER = Fn.ORDER;
/** The prime of the field. */
export const ED25519_PRIME = 2n ** 255n - 19n;

const littleEndian = (value: bigint): Buffer => unsignedOctets(value, 32).reverse();
const toNumberLittleEndian = (octets: Uint8Array): bigint =>
  BigInt(`0x${Buffer.from(octets).reverse().toString('hex')}`);

/** The 32 octets of a point by its y and the sign of its x (RFC 8032, 5.1.2); y need not be reduced. */
export const encodedPoint = (y: bigint, sign: 0 | 1): Buffer => littleEndian(y | (BigInt(sign) << 255n));

/** y of one point of order eight; the other three are its reflections. */
const ORDER_EIGHT_Y = toNumberLittleEndian(
  Buffer.from('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05', 'hex'),
);

export const ed25519Spki = (point: Uint8Array): Buffer => seq(seq(oid(ID.ed25519)), bits(point));

export function ed25519Key(label: string): KeyPair {
  const seed = unsignedOctets(numberFrom(`ed25519/${label}`, 256), 32);
  return {
    spki: ed25519Spki(ed25519.getPublicKey(seed)),
    algorithm: seq(oid(ID.ed25519)),
    sign: (message) => Buffer.from(ed25519.sign(message, seed)),
  };
}

/**
 * A signature under a public key of low order, made without any private key: R = [s]B holds as soon
 * as the challenge is a multiple of eight, since then [k]A is the neutral point.
 */
function forge(publicKey: Buffer, message: Uint8Array): Buffer {
  for (let s = 1n; ; s++) {
    const r = BASE.multiply(s).toBytes();
    const hash = createHash('sha512').update(r).update(publicKey).update(message).digest();
    if ((toNumberLittleEndian(hash) % ED25519_ORDER) % 8n === 0n) return Buffer.concat([r, littleEndian(s)]);
  }
}

/** A "key" that anybody can sign with: one of the eight points of low order, in any of their encodings. */
export const lowOrderKey = (point: Buffer): KeyPair => ({
  spki: ed25519Spki(point),
  algorithm: seq(oid(ID.ed25519)),
  sign: (message) => forge(point, message),
});

/** The same signature with S raised by the order of the base point: RFC 8032, 5.1.7 refuses it. */
export function withRaisedS(signature: Uint8Array): Buffer {
  const s = toNumberLittleEndian(signature.subarray(32)) + ED25519_ORDER;
  return Buffer.concat([signature.subarray(0, 32), littleEndian(s)]);
}

const P = ED25519_PRIME;

/**
 * Every encoding of the eight points of low order: the eight right ones, and six that a lenient
 * reader takes for them (y not reduced modulo the prime, or a sign on an x that is zero).
 */
export const LOW_ORDER_POINTS: ReadonlyMap<string, Buffer> = new Map([
  ['order-1', encodedPoint(1n, 0)],
  ['order-1-signed', encodedPoint(1n, 1)],
  ['order-1-unreduced', encodedPoint(P + 1n, 0)],
  ['order-1-unreduced-signed', encodedPoint(P + 1n, 1)],
  ['order-2', encodedPoint(P - 1n, 0)],
  ['order-2-signed', encodedPoint(P - 1n, 1)],
  ['all-zero', encodedPoint(0n, 0)],
  ['order-4-signed', encodedPoint(0n, 1)],
  ['order-4-unreduced', encodedPoint(P, 0)],
  ['order-4-unreduced-signed', encodedPoint(P, 1)],
  ['order-8-a', encodedPoint(ORDER_EIGHT_Y, 0)],
  ['order-8-a-signed', encodedPoint(ORDER_EIGHT_Y, 1)],
  ['order-8-b', encodedPoint(P - ORDER_EIGHT_Y, 0)],
  ['order-8-b-signed', encodedPoint(P - ORDER_EIGHT_Y, 1)],
]);
