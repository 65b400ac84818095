import { createHash, hash } from 'node:crypto';
import { sha256 as portable } from '@noble/hashes/sha2.js';

/** From here on Node keeps OpenSSL's digest at hand; before, fetching it cost more than hashing with it. */
const NODE_WITH_QUICK_HASH = 22;
/** Longer input is worth the call into OpenSSL everywhere. */
const SHORT_OCTETS = 1024;

const [major = 0] = process.versions.node.split('.').map(Number);

/**
 * SHA-256. Each certificate has four digests of a few hundred octets, and on Node 20 with OpenSSL 3.0
 * each call costs as much as a tenth of a signature before it hashes anything; there, short input is
 * hashed by a library in JavaScript.
 */
export const sha256: (octets: Uint8Array) => Buffer =
  major >= NODE_WITH_QUICK_HASH
    ? (octets) => hash('sha256', octets, 'buffer')
    : (octets) =>
        octets.length <= SHORT_OCTETS
          ? Buffer.from(portable(octets).buffer)
          : createHash('sha256').update(octets).digest();
