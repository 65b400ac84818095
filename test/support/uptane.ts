import { type ED25519KeyPairOptions, generateKeyPairSync } from 'node:crypto';

/** By the names of their entries in credentials.zip. */
export interface UptaneFiles extends Record<'root.json' | 'targets.pub' | 'targets.sec', string> {}

/** Root metadata that names one key for targets, and that key. */
export function makeUptane(expires = '2027-01-01T00:00:00Z'): UptaneFiles {
  const options: ED25519KeyPairOptions<'der', 'der'> = {
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'der' },
  };
  const { publicKey, privateKey } = generateKeyPairSync('ed25519', options);
  const open = { keytype: 'ED25519', keyval: { public: publicKey.subarray(-32).toString('hex') } };
  const secret = { keytype: 'ED25519', keyval: { private: privateKey.subarray(-32).toString('hex') } };
  const roles = { targets: { keyids: ['k1'], threshold: 1 } };
  const signed = { _type: 'Root', expires, keys: { k1: open }, roles, version: 1 };
  return {
    'root.json': JSON.stringify({ signatures: [], signed }),
    'targets.pub': JSON.stringify(open),
    'targets.sec': JSON.stringify(secret),
  };
}
