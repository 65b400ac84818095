import { checkPrime, createPrivateKey, createPublicKey, generatePrime } from 'node:crypto';
import { promisify } from 'node:util';

const isPrime = promisify<bigint, boolean>(checkPrime);

/** RSA's usual public exponent. */
const E = 65_537n;

function newPrime(bits: number): Promise<bigint> {
  return new Promise((resolve, reject) => {
    generatePrime(bits, { bigint: true }, (failure, prime) => (failure ? reject(failure) : resolve(prime)));
  });
}

async function primeAfter(prime: bigint): Promise<bigint> {
  for (let candidate = prime + 2n; ; candidate += 2n) {
    if (candidate % E !== 1n && (await isPrime(candidate))) return candidate;
  }
}

/** The inverse of `a` modulo `m`, by Euclid. */
function inverse(a: bigint, m: bigint): bigint {
  let [r, next, x, nextX] = [m, a % m, 0n, 1n];
  while (next !== 0n) {
    const quotient = r / next;
    [r, next] = [next, r - quotient * next];
    [x, nextX] = [nextX, x - quotient * nextX];
  }
  return ((x % m) + m) % m;
}

/** base64url of the magnitude (RFC 7518, 2). */
function encodeNumber(value: bigint): string {
  const hex = value.toString(16);
  return Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex').toString('base64url');
}

/**
 * An RSA-2048 pair as a bad generator makes it: the second prime is the next one after the first, so
 * that Fermat's method finds both at once. It signs like any other.
 */
export async function generateClosePrimes(): Promise<{ publicKey: Buffer; privateKey: string }> {
  const q = await primeAfter(await newPrime(1024));
  const p = await primeAfter(q);
  const d = inverse(E, (p - 1n) * (q - 1n));
  const numbers = { n: p * q, e: E, d, p, q, dp: d % (p - 1n), dq: d % (q - 1n), qi: inverse(q, p) };
  const jwk = Object.fromEntries(Object.entries(numbers).map(([name, n]) => [name, encodeNumber(n)]));
  const key = createPrivateKey({ key: { kty: 'RSA', ...jwk }, format: 'jwk' });
  return {
    publicKey: createPublicKey(key).export({ type: 'spki', format: 'der' }),
    privateKey: key.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}
