import { createPrivateKey, type ED25519KeyPairOptions, generateKeyPairSync, sign } from 'node:crypto';
import { OID } from '../../asn1/index.ts';
import { assembleCsr, encodeCsrInfo } from '../../x509/index.ts';

/** Node 20 can hang where a KeyObject straight from generateKeyPair is exported: it encodes, we import. */
const ENCODED: ED25519KeyPairOptions<'der', 'der'> = {
  publicKeyEncoding: { type: 'spki', format: 'der' },
  privateKeyEncoding: { type: 'pkcs8', format: 'der' },
};

/** A request (PKCS#10, DER) with a P-256 key of its own, which is forgotten. In this thread. */
export function makeRequest(deviceId: string): Uint8Array {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256', ...ENCODED });
  const key = createPrivateKey({ key: pair.privateKey, format: 'der', type: 'pkcs8' });
  const subject = [{ type: OID.commonName, value: deviceId }];
  const info = encodeCsrInfo({ subject, publicKey: pair.publicKey });
  return assembleCsr(info, 'ecdsa-with-SHA256', sign('sha256', info, key));
}

/** The row of a lot (NDJSON) that carries a request, and the request of such a row. */
export const encodeRow = (csr: Uint8Array): string =>
  `${JSON.stringify({ csr: Buffer.from(csr).toString('base64') })}\n`;
export const parseRow = (row: string): Buffer => Buffer.from(JSON.parse(row).csr as string, 'base64');
