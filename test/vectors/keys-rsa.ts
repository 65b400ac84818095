import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { KeyPair, Signing } from './csr.ts';
import { bits, group, integer, nothing, octets, oid, seq, toNumber, unsignedOctets } from './der.ts';
import { inverse, mod, numberFrom, power } from './numbers.ts';
import { DIGEST_ID, type Digest, ID, RSA_SIGNATURE_ID } from './oids.ts';

const PRIMES: Readonly<Record<string, { readonly p: string; readonly q: string }>> = JSON.parse(
  readFileSync(new URL('keys/primes.json', import.meta.url), 'utf8'),
);

/** The two primes of a fixture. They are public: use what is made from them for tests alone. */
function primesOf(name: string): { readonly p: bigint; readonly q: bigint } {
  const found = PRIMES[name];
  if (found === undefined) throw new Error(`keys/primes.json has no ${name}`);
  return { p: BigInt(`0x${found.p}`), q: BigInt(`0x${found.q}`) };
}

export interface RsaKey extends KeyPair {
  readonly p: bigint;
  readonly q: bigint;
  readonly modulus: bigint;
  /** Octets of the modulus. */
  readonly size: number;
  /** The private operation on an encoded message (RFC 8017, 5.2.1). */
  readonly signEncoded: (encoded: Uint8Array) => Buffer;
}

/** The number below p·q that is `a` modulo p and `b` modulo q. */
const join = (a: bigint, p: bigint, b: bigint, q: bigint): bigint => b + q * mod((a - b) * inverse(q, p), p);

/** x^(1/e) modulo p·q; exponents that share a factor with p − 1 or q − 1 have no such root. */
function rootOf(x: bigint, e: bigint, p: bigint, q: bigint): bigint {
  if (p === q) return power(x, inverse(e, p * (p - 1n)), p * p);
  const d = inverse(e, (p - 1n) * (q - 1n));
  return join(power(x, d, p), p, power(x, d, q), q);
}

/** A square root modulo p·q, for primes that are 3 modulo 4; undefined where there is none. */
function squareRootOf(x: bigint, p: bigint, q: bigint): bigint | undefined {
  const root = join(power(x, (p + 1n) / 4n, p), p, power(x, (q + 1n) / 4n, q), q);
  return power(root, 2n, p * q) === x ? root : undefined;
}

export const digestInfo = (digest: Digest, message: Uint8Array): Buffer =>
  seq(seq(oid(DIGEST_ID[digest]), nothing()), octets(createHash(digest).update(message).digest()));

/** EMSA-PKCS1-v1_5 (RFC 8017, 9.2) around any DigestInfo. */
export const pkcs1Block = (info: Uint8Array, size: number, padding = size - info.length - 3): Buffer =>
  Buffer.concat([Buffer.of(0, 1), Buffer.alloc(padding, 0xff), Buffer.of(0), info]);

export const rsaSpki = (modulus: Uint8Array, exponent: Uint8Array): Buffer =>
  seq(seq(oid(ID.rsaEncryption), nothing()), bits(seq(modulus, exponent)));

/** The RSA key of a fixture under an exponent, signing with PKCS #1 v1.5. */
export function rsaKey(name: string, { e = 65537n, digest = 'sha256' as Digest } = {}): RsaKey {
  const { p, q } = primesOf(name);
  const modulus = p * q;
  const size = unsignedOctets(modulus).length;
  const signEncoded = (encoded: Uint8Array): Buffer => {
    const x = toNumber(encoded);
    const root = e === 2n ? squareRootOf(x, p, q) : rootOf(x, e, p, q);
    if (root === undefined) throw new RangeError('this message has no square root');
    return unsignedOctets(root, size);
  };
  return {
    p,
    q,
    modulus,
    size,
    signEncoded,
    spki: rsaSpki(integer(modulus), integer(e)),
    algorithm: seq(oid(RSA_SIGNATURE_ID[digest]), nothing()),
    sign: (message) => signEncoded(pkcs1Block(digestInfo(digest, message), size)),
  };
}

function mask(seed: Buffer, length: number): Buffer {
  const blocks = Array.from({ length: Math.ceil(length / 32) }, (_, i) =>
    createHash('sha256')
      .update(seed)
      .update(unsignedOctets(BigInt(i), 4))
      .digest(),
  );
  return Buffer.concat(blocks).subarray(0, length);
}

/** EMSA-PSS with SHA-256 and a salt of zeros (RFC 8017, 9.1.1), for moduli of whole octets. */
function pssBlock(message: Uint8Array, size: number): Buffer {
  const salt = Buffer.alloc(32);
  const digest = createHash('sha256').update(message).digest();
  const h = createHash('sha256')
    .update(Buffer.concat([Buffer.alloc(8), digest, salt]))
    .digest();
  const block = Buffer.concat([Buffer.alloc(size - 66), Buffer.of(1), salt]);
  const masked = mask(h, block.length).map((octet, i) => octet ^ (block[i] ?? 0));
  masked[0] = (masked[0] ?? 0) & 0x7f;
  return Buffer.concat([masked, h, Buffer.of(0xbc)]);
}

/** RSASSA-PSS-params: SHA-256, MGF1 with SHA-256, a salt of 32 octets (RFC 4055, 3.1). */
function pssAlgorithm(): Buffer {
  const sha256 = seq(oid(DIGEST_ID.sha256), nothing());
  const parameters = seq(group(0, sha256), group(1, seq(oid(ID.mgf1), sha256)), group(2, integer(32n)));
  return seq(oid(ID.rsaPss), parameters);
}

export const pssSigning = (key: RsaKey): Signing => ({
  algorithm: pssAlgorithm(),
  sign: (message) => key.signEncoded(pssBlock(message, key.size)),
});

/** A DSA key (FIPS 186-4) over the fixture's domain, signing with SHA-256. */
export function dsaKey(): KeyPair {
  const { p, q } = primesOf('dsa');
  const g = power(2n, (p - 1n) / q, p);
  const x = numberFrom('dsa/x', 255);
  return {
    spki: seq(seq(oid(ID.dsa), seq(integer(p), integer(q), integer(g))), bits(integer(power(g, x, p)))),
    algorithm: seq(oid(ID.dsaWithSha256)),
    sign: (message) => {
      const hash = toNumber(createHash('sha256').update(message).digest());
      const k = numberFrom(`dsa/k/${hash}`, 255);
      const r = power(g, k, p) % q;
      return seq(integer(r), integer(mod(inverse(k, q) * (hash + x * r), q)));
    },
  };
}
