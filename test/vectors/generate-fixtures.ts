/**
 * Finds the prime numbers in `keys/primes.json` again, from nothing but their labels:
 * `npx tsx test/vectors/generate-fixtures.ts`. It takes minutes, so the result is committed.
 */
import { checkPrimeSync } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { numberFrom, power } from './numbers.ts';

type Accept = (prime: bigint) => boolean;

function smallPrimes(count: number): bigint[] {
  const primes: bigint[] = [];
  for (let n = 2n; primes.length < count; n++) if (primes.every((p) => n % p !== 0n)) primes.push(n);
  return primes;
}

const SIEVE = smallPrimes(2000);
const isPrime = (n: bigint): boolean =>
  SIEVE.every((p) => n === p || n % p !== 0n) && checkPrimeSync(n, { checks: 40 });

/** The first prime at or above an odd number. */
function primeFrom(start: bigint, accept: Accept): bigint {
  for (let n = start | 1n; ; n += 2n) if (accept(n) && isPrime(n)) return n;
}

/** A prime with its two highest bits set, so that a product of two has its full length. */
const prime = (label: string, bitLength: number, accept: Accept = () => true): bigint =>
  primeFrom(numberFrom(label, bitLength) | (3n << BigInt(bitLength - 2)), accept);

const pair = (label: string, bitLength: number, accept?: Accept) => ({
  p: prime(`${label}/p`, Math.ceil(bitLength / 2), accept),
  q: prime(`${label}/q`, Math.floor(bitLength / 2), accept),
});

/** Primes as a faulty library made them in 2017: k·M + (65537^a mod M), M the product of 126 primes. */
function rocaPrime(label: string): bigint {
  const m = smallPrimes(126).reduce((product, p) => product * p, 1n);
  const remainder = power(65537n, numberFrom(`${label}/a`, 256), m);
  const highest = (1n << 1024n) / m;
  for (let k = highest - numberFrom(`${label}/k`, 40); ; k--) {
    const candidate = k * m + remainder;
    if (candidate.toString(2).length === 1024 && isPrime(candidate)) return candidate;
  }
}

/** Two primes that differ in their lower half only: Fermat's method splits the product at once. */
function closePrimes(label: string) {
  const p = prime(label, 1024);
  return { p, q: primeFrom(p + (numberFrom(`${label}/gap`, 90) | 2n), () => true) };
}

/** p = 2·k·q + 1 with a q of 256 bits: the domain of a DSA key (FIPS 186-4, A.1). */
function dsaDomain(label: string) {
  const q = prime(`${label}/q`, 256);
  for (let k = (3n << 2046n) / (2n * q) + numberFrom(label, 1000); ; k++) {
    const p = 2n * k * q + 1n;
    if (isPrime(p)) return { p, q };
  }
}

// Exponents 1, 2 and 3 must all work with this one: square roots are easy and 3 has an inverse.
const forOddExponents: Accept = (p) => p % 12n === 11n;
const square = prime('rsa-square', 1024);

const fixtures: Record<string, { p: bigint; q: bigint }> = {
  'rsa-2048-a': pair('rsa-2048-a', 2048),
  'rsa-2048-b': pair('rsa-2048-b', 2048),
  'rsa-2048-c': pair('rsa-2048-c', 2048),
  'rsa-2048-d': pair('rsa-2048-d', 2048),
  'rsa-2048-e': pair('rsa-2048-e', 2048),
  'rsa-3072': pair('rsa-3072', 3072),
  'rsa-4096': pair('rsa-4096', 4096),
  'rsa-8192': pair('rsa-8192', 8192),
  'rsa-9216': pair('rsa-9216', 9216),
  'rsa-1024': pair('rsa-1024', 1024),
  'rsa-1536': pair('rsa-1536', 1536),
  'rsa-2040': pair('rsa-2040', 2040),
  'rsa-2047': pair('rsa-2047', 2047),
  'rsa-refused': pair('rsa-refused', 2048, forOddExponents),
  'rsa-other': pair('rsa-other', 2048),
  'rsa-small-factor': { p: 751n, q: prime('rsa-small-factor', 2038) },
  'rsa-close-primes': closePrimes('rsa-close-primes'),
  'rsa-square': { p: square, q: square },
  'rsa-roca': { p: rocaPrime('rsa-roca/p'), q: rocaPrime('rsa-roca/q') },
  'rsa-even': { p: 2n, q: prime('rsa-even', 2047) },
  dsa: dsaDomain('dsa'),
};

const text = Object.fromEntries(
  Object.entries(fixtures).map(([name, { p, q }]) => [name, { p: p.toString(16), q: q.toString(16) }]),
);
writeFileSync(new URL('keys/primes.json', import.meta.url), `${JSON.stringify(text, null, 2)}\n`);
