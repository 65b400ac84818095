import { createCipheriv, createDecipheriv, hkdfSync, type KeyObject } from 'node:crypto';
import { PkiError } from '../errors.ts';
import type { Random } from '../random.ts';

/** Keeps secrets of destinations as the ledger may hold them. */
export interface Seal {
  /** `id`: of the destination; what is sealed for one opens for no other. */
  seal(secret: string, id: string): Promise<Uint8Array>;
  /** Rejects with `signer-unavailable` where it was sealed with another key, or changed. */
  open(sealed: Uint8Array, id: string): Promise<string>;
}

const NONCE = 12;
const TAG = 16;

/** AES-256-GCM under a key of its own, derived from a private key that lies among the encrypted key files. */
const sealingKey = (key: KeyObject): Buffer =>
  Buffer.from(
    hkdfSync('sha256', key.export({ type: 'pkcs8', format: 'der' }), '', 'fleetca outgoing secrets', 32),
  );

/** `key` gives the private key; for `seal` it makes one where there is none. */
export const createSeal = (key: (purpose: 'seal' | 'open') => Promise<KeyObject>, random: Random): Seal => ({
  seal: async (secret, id) => {
    const nonce = random.bytes(NONCE);
    const cipher = createCipheriv('aes-256-gcm', sealingKey(await key('seal')), nonce);
    cipher.setAAD(Buffer.from(id));
    const text = Buffer.concat([cipher.update(secret, 'utf8'), cipher.final()]);
    return Buffer.concat([nonce, cipher.getAuthTag(), text]);
  },
  open: async (sealed, id) => {
    const octets = Buffer.from(sealed);
    const decipher = createDecipheriv(
      'aes-256-gcm',
      sealingKey(await key('open')),
      octets.subarray(0, NONCE),
      { authTagLength: TAG },
    );
    decipher.setAAD(Buffer.from(id)).setAuthTag(octets.subarray(NONCE, NONCE + TAG));
    try {
      return Buffer.concat([decipher.update(octets.subarray(NONCE + TAG)), decipher.final()]).toString(
        'utf8',
      );
    } catch (cause) {
      throw new PkiError('signer-unavailable', 'A secret of a destination was sealed with another key.', {
        cause,
      });
    }
  },
});
