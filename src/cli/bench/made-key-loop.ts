import { createECDH, type ECKeyPairOptions, generateKeyPairSync } from 'node:crypto';
import { type CeilingMaterial, type Cycle, verifyAndSign } from './ceiling-loop.ts';

/** Makes a P-256 key. Gives the octets of its private half. */
export type KeyDraw = () => Uint8Array;

/** The public half stays as it is. The types know only both encoded, or neither. */
const PRIVATE_ENCODED = {
  namedCurve: 'P-256',
  paramEncoding: 'named',
  privateKeyEncoding: { type: 'pkcs8', format: 'der' },
} as ECKeyPairOptions<'der', 'der'>;

/** Generation and export as PKCS#8, in the one call that the library has for both. */
export const drawByLibrary: KeyDraw = () => generateKeyPairSync('ec', PRIVATE_ENCODED).privateKey;

const ecdh = createECDH('prime256v1');

/**
 * Generation alone, of both halves: the scalar, without its leading zeros. The 106 octets around it that
 * make it PKCS#8 are always the same but for the point, and cost nothing beside it.
 */
export const drawBare: KeyDraw = () => {
  ecdh.generateKeys();
  return ecdh.getPrivateKey();
};

/** What a certificate with a key of ours demands at least: generation, export, signature, verification. */
export function madeKeyCycle(material: CeilingMaterial, draw: KeyDraw): Cycle {
  const certify = verifyAndSign(material);
  return (row) => {
    draw().fill(0);
    certify(row);
  };
}
