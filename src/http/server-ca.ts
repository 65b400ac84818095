import { X509Certificate } from 'node:crypto';
import { z } from 'zod';
import { parsePem } from '../asn1/index.ts';

const MOST_CERTIFICATES = 32;

/** Certificates and nothing else, as a TLS client takes them. */
function isServerCa(pem: string): boolean {
  try {
    const blocks = parsePem(pem);
    for (const { der } of blocks) new X509Certificate(der);
    const areAll = blocks.every(({ label }) => label === 'CERTIFICATE');
    return areAll && blocks.length > 0 && blocks.length <= MOST_CERTIFICATES;
  } catch {
    return false;
  }
}

/** Who has certified a server that the service calls, PEM. */
export const serverCaSchema = z
  .string()
  .max(64 * 1024)
  .refine(isServerCa, `must be 1 to ${MOST_CERTIFICATES} certificates, PEM, and nothing else`)
  .nullable()
  .default(null);
