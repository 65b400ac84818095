import { createHash, hash } from 'node:crypto';
import { createSHA256 } from 'hash-wasm';

/** From here on Node keeps OpenSSL's digest at hand; before, fetching it cost more than hashing with it. */
const NODE_WITH_QUICK_HASH = 22;
/** Longer input is worth the call into OpenSSL everywhere. */
const SHORT_OCTETS = 400;

const [major = 0] = process.versions.node.split('.').map(Number);

/** One state a thread; it is used from beginning to end without a break. */
const portable = await createSHA256();

function hashShort(octets: Uint8Array): Buffer {
  const digest = portable.init().update(octets).digest('binary');
  return Buffer.from(digest.buffer, digest.byteOffset, digest.length);
}

/**
 * SHA-256. Each certificate has four digests of a few hundred octets, and on Node 20 with OpenSSL 3.0
 * each call costs as much as a tenth of a signature before it hashes anything; there, short input is
 * hashed by a library in WebAssembly.
 */
export const sha256: (octets: Uint8Array) => Buffer =
  major >= NODE_WITH_QUICK_HASH
    ? (octets) => hash('sha256', octets, 'buffer')
    : (octets) =>
        octets.length <= SHORT_OCTETS ? hashShort(octets) : createHash('sha256').update(octets).digest();
