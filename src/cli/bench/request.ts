import { sign } from 'node:crypto';
import { OID } from '../../asn1/index.ts';
import { assembleCsr, encodeCsrInfo } from '../../x509/index.ts';
import { makeP256Pair } from './p256-pair.ts';

/** A request (PKCS#10, DER) with a P-256 key of its own, which is forgotten. In this thread. */
export function makeRequest(deviceId: string): Uint8Array {
  const { spki, privateKey } = makeP256Pair();
  const subject = [{ type: OID.commonName, value: deviceId }];
  const info = encodeCsrInfo({ subject, publicKey: spki });
  return assembleCsr(info, 'ecdsa-with-SHA256', sign('sha256', info, privateKey));
}

/** The row of a lot (NDJSON) that carries a request, and the request of such a row. */
export const encodeRow = (csr: Uint8Array): string =>
  `${JSON.stringify({ csr: Buffer.from(csr).toString('base64') })}\n`;
export const parseRow = (row: string): Buffer => Buffer.from(JSON.parse(row).csr as string, 'base64');

/** The row of a device whose key the CA makes. */
export const encodeIdRow = (deviceId: string): string => `${JSON.stringify({ deviceId })}\n`;
