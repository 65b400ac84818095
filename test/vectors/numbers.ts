import { createHash } from 'node:crypto';
import { toNumber } from './der.ts';

/** A number of `bitLength` bits or fewer that depends on the label alone: SHA-256 in counter mode. */
export function numberFrom(label: string, bitLength: number): bigint {
  const blocks: Buffer[] = [];
  for (let i = 0; i * 256 < bitLength; i++)
    blocks.push(createHash('sha256').update(`fleetca/${label}/${i}`).digest());
  return toNumber(Buffer.concat(blocks)) >> BigInt(blocks.length * 256 - bitLength);
}

export const mod = (a: bigint, m: bigint): bigint => ((a % m) + m) % m;

export function power(base: bigint, exponent: bigint, m: bigint): bigint {
  let result = 1n;
  let square = mod(base, m);
  for (let e = exponent; e > 0n; e >>= 1n) {
    if (e & 1n) result = (result * square) % m;
    square = (square * square) % m;
  }
  return mod(result, m);
}

/** The inverse of `a` modulo `m`; throws where there is none. */
export function inverse(a: bigint, m: bigint): bigint {
  let [r0, r1, t0, t1] = [m, mod(a, m), 0n, 1n];
  while (r1 !== 0n) {
    const quotient = r0 / r1;
    [r0, r1, t0, t1] = [r1, r0 - quotient * r1, t1, t0 - quotient * t1];
  }
  if (r0 !== 1n) throw new RangeError('no inverse');
  return mod(t0, m);
}
