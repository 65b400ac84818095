import rc2 from 'node-forge/lib/rc2.js';
import util from 'node-forge/lib/util.js';

const BLOCK = 8;

const binary = (octets: Uint8Array): string => Buffer.from(octets).toString('latin1');

/**
 * Decrypts RC2-CBC (RFC 2268) and takes off the padding; the key's length is its effective one. Undefined
 * where length or padding do not fit. RC2 protects nothing today: this is for opening what is there.
 */
export function decryptRc2(key: Uint8Array, iv: Uint8Array, encrypted: Uint8Array): Uint8Array | undefined {
  if (encrypted.length === 0 || encrypted.length % BLOCK !== 0) return undefined;
  const cipher = rc2.createDecryptionCipher(binary(key), key.length * 8);
  cipher.start(binary(iv));
  cipher.update(util.createBuffer(binary(encrypted)));
  // The library looks at the last octet of its padding alone.
  cipher.finish(() => true);
  const padded = Buffer.from(cipher.output.getBytes(), 'latin1');
  const padding = padded.at(-1) ?? 0;
  const fits =
    padding >= 1 && padding <= BLOCK && padded.subarray(-padding).every((octet) => octet === padding);
  return fits ? padded.subarray(0, -padding) : undefined;
}
