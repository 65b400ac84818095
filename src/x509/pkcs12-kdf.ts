import { createHash } from 'node:crypto';

/** Digests that PKCS#12 derives keys with, and the block that each works on, octets. */
const BLOCK_OCTETS = { sha1: 64, sha224: 64, sha256: 64, sha384: 128, sha512: 128 } as const;
export type Pkcs12Digest = keyof typeof BLOCK_OCTETS;

/** Octets of each digest. */
export const DIGEST_OCTETS = { sha1: 20, sha224: 28, sha256: 32, sha384: 48, sha512: 64 } as const;

/** What a key is for (RFC 7292, B.3). */
const PURPOSE_IDS = { key: 1, iv: 2, mac: 3 } as const;

/**
 * A passphrase as PKCS#12 hashes it: BMPString with a terminating zero (RFC 7292, B.1), so that an empty
 * one is two zero octets, as OpenSSL, Java and GnuTLS have it; beyond the BMP as UTF-16.
 */
export function encodePkcs12Passphrase(passphrase: string): Uint8Array {
  return Buffer.from(`${passphrase}\0`, 'utf16le').swap16();
}

/** Whole blocks full of `octets` again and again; none where there are none. */
function fillBlocks(octets: Uint8Array, block: number): Uint8Array {
  const filled = Buffer.alloc(Math.ceil(octets.length / block) * block);
  if (octets.length > 0) filled.fill(octets);
  return filled;
}

/** Adds `addend` + 1 to each block, which are numbers modulo 2^(8 × block). */
function addToBlocks(blocks: Uint8Array, addend: Uint8Array): void {
  const size = addend.length;
  for (let start = 0; start < blocks.length; start += size) {
    let carry = 1;
    for (let i = size - 1; i >= 0; i--) {
      const sum = (blocks[start + i] as number) + (addend[i] as number) + carry;
      blocks[start + i] = sum & 0xff;
      carry = sum >> 8;
    }
  }
}

export interface Pkcs12KeyWish {
  readonly digest: Pkcs12Digest;
  readonly purpose: keyof typeof PURPOSE_IDS;
  /** In the form of `encodePkcs12Passphrase`. */
  readonly passphrase: Uint8Array;
  readonly salt: Uint8Array;
  readonly iterations: number;
  /** Octets due. */
  readonly length: number;
}

/** How often the digest is computed for it. */
export const pkcs12Rounds = ({
  digest,
  iterations,
  length,
}: Pick<Pkcs12KeyWish, 'digest' | 'iterations' | 'length'>): number =>
  Math.ceil(length / DIGEST_OCTETS[digest]) * iterations;

/** Derives a key, an IV or a MAC key from a passphrase (RFC 7292, B.2). */
export function derivePkcs12Key({
  digest,
  purpose,
  passphrase,
  salt,
  iterations,
  length,
}: Pkcs12KeyWish): Uint8Array {
  const size = BLOCK_OCTETS[digest];
  const diversifier = Buffer.alloc(size, PURPOSE_IDS[purpose]);
  const input = Buffer.concat([fillBlocks(salt, size), fillBlocks(passphrase, size)]);
  const pieces: Buffer[] = [];
  for (let octets = 0; octets < length; octets += DIGEST_OCTETS[digest]) {
    let piece = createHash(digest).update(diversifier).update(input).digest();
    for (let i = 1; i < iterations; i++) piece = createHash(digest).update(piece).digest();
    pieces.push(piece);
    addToBlocks(input, Buffer.alloc(size, piece));
  }
  input.fill(0);
  return Buffer.concat(pieces).subarray(0, length);
}
