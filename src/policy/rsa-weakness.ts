/**
 * Ways in which an RSA modulus can be broken that show in the modulus itself.
 * All are checked on every RSA request; together they cost less than verifying its signature.
 */

const SMALL_PRIMES: readonly number[] = sieve(17_864);

function sieve(limit: number): number[] {
  const composite = new Uint8Array(limit + 1);
  const primes: number[] = [];
  for (let n = 2; n <= limit; n++) {
    if (composite[n]) continue;
    primes.push(n);
    for (let multiple = n * n; multiple <= limit; multiple += n) composite[multiple] = 1;
  }
  return primes;
}

/** The CA/Browser Forum asks for no factor below 752 (BR 6.1.6); going further is cheap. */
const FACTOR_PRIMES = SMALL_PRIMES.filter((p) => p < 8_192);
const FACTOR_PRODUCT = FACTOR_PRIMES.reduce((product, p) => product * BigInt(p), 1n);

function gcd(a: bigint, b: bigint): bigint {
  let [x, y] = [a, b];
  while (y !== 0n) [x, y] = [y, x % y];
  return x;
}

/**
 * ROCA (CVE-2017-15361): Infineon's library made primes of the form k·M + (65537^a mod M), M a product
 * of the first primes. So the modulus is a power of 65537 modulo each of them, which a random one is
 * with a chance of about 2^-27 over these.
 */
const ROCA_PRIMES: readonly number[] = SMALL_PRIMES.filter((p) => p > 2 && p <= 167);
const ROCA_RESIDUES: readonly (readonly [bigint, ReadonlySet<number>])[] = ROCA_PRIMES.map((p) => {
  const residues = new Set<number>();
  for (let power = 1; !residues.has(power); power = (power * 65_537) % p) residues.add(power);
  return [BigInt(p), residues];
});

const hasRocaFingerprint = (modulus: bigint): boolean =>
  ROCA_RESIDUES.every(([prime, residues]) => residues.has(Number(modulus % prime)));

/** Newton's method; the greatest r with r² ≤ n. */
function integerSquareRoot(n: bigint): bigint {
  if (n === 0n) return 0n;
  let root = 1n << BigInt(Math.ceil(n.toString(2).length / 2));
  for (;;) {
    const next = (root + n / root) >> 1n;
    if (next >= root) return root;
    root = next;
  }
}

/** Rounds of Fermat's method: primes that differ in their lower half only fall in the first few. */
const FERMAT_ROUNDS = 100;

/** Squares leave 12 of 64 residues: most candidates need no root. */
const SQUARES_MOD_64: ReadonlySet<bigint> = new Set(
  Array.from({ length: 64 }, (_, i) => BigInt((i * i) % 64)),
);

function hasClosePrimes(modulus: bigint): boolean {
  let a = integerSquareRoot(modulus);
  if (a * a < modulus) a += 1n;
  for (let round = 0; round < FERMAT_ROUNDS; round++, a += 1n) {
    const square = a * a - modulus;
    if (!SQUARES_MOD_64.has(square & 63n)) continue;
    const root = integerSquareRoot(square);
    if (root * root === square) return true;
  }
  return false;
}

/** Why the modulus is broken, as the end of a sentence; undefined where nothing is known against it. */
export function findRsaWeakness(modulus: bigint): string | undefined {
  if (gcd(modulus, FACTOR_PRODUCT % modulus) !== 1n) return 'its modulus has a small factor';
  if (hasRocaFingerprint(modulus))
    return 'it was made by the Infineon library with the ROCA fault (CVE-2017-15361)';
  if (hasClosePrimes(modulus)) return "its two primes are so close that Fermat's method finds them";
  return undefined;
}
