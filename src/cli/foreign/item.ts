import { readFile, stat } from 'node:fs/promises';
import type { RevocationReason } from '../../x509/index.ts';
import { REVOCATION_REASONS } from '../../x509/index.ts';
import { fileFailure } from '../local-failure.ts';

/** What one entry of a fleet from elsewhere says, and where it stands: a file, or a line of one. */
export interface ForeignItem {
  readonly origin: string;
  /** DER, the device's and perhaps those of CAs above it; empty: there is none to be found. */
  readonly certificates: readonly Uint8Array[];
  /** null: it is in the certificate. */
  readonly deviceId: string | null;
  readonly revoked: { readonly at: string | null; readonly reason: RevocationReason } | null;
  /** Why it cannot go on: it is reported as refused. */
  readonly fault: string | null;
  /** What is to be said of it although it goes on. */
  readonly note: string | null;
}

export const itemAt = (origin: string, more: Partial<ForeignItem>): ForeignItem => ({
  origin,
  certificates: [],
  deviceId: null,
  revoked: null,
  fault: null,
  note: null,
  ...more,
});

/** A file of a fleet has at most as many octets. */
const MAX_FILE_OCTETS = 16 * 2 ** 20;
/** A certificate, in DER: what the service takes in a row. */
export const MAX_CERTIFICATE_OCTETS = 24_576;

const CERTIFICATE = /-----BEGIN (?:X509 |TRUSTED )?CERTIFICATE-----([^-]*)-----END/g;

/** The certificates in octets, DER: all blocks of a PEM, whatever else stands there; or else the octets as they are. */
export function certificatesIn(octets: Uint8Array): readonly Uint8Array[] {
  const text = Buffer.from(octets).toString('latin1');
  if (!text.includes('-----BEGIN ')) return octets.length === 0 ? [] : [octets];
  return [...text.matchAll(CERTIFICATE)].map(([, base64 = '']) => Buffer.from(base64, 'base64'));
}

/** The certificates in a file, or why it cannot be read, as the end of a sentence that begins with its name. */
export async function readCertificates(
  path: string,
): Promise<{ readonly certificates: readonly Uint8Array[] } | { readonly fault: string }> {
  try {
    const about = await stat(path);
    // A pipe would keep us waiting for ever.
    if (!about.isFile()) return { fault: 'is no file' };
    if (about.size > MAX_FILE_OCTETS) return { fault: `has more than ${MAX_FILE_OCTETS} octets` };
    return { certificates: certificatesIn(await readFile(path)) };
  } catch (failure) {
    const { message } = fileFailure(path, failure) as Error;
    return { fault: message.replace(`${path} `, '').replace(/\.$/, '') };
  }
}

/** A reason as OpenSSL, a CRL or a person writes it; one that ours have not is `unspecified`. */
export function reasonOf(text: string): { readonly reason: RevocationReason; readonly note: string | null } {
  const known = Object.keys(REVOCATION_REASONS).find(
    (one) => one.toLowerCase() === text.trim().toLowerCase(),
  );
  if (known) return { reason: known as RevocationReason, note: null };
  const note = text.trim() === '' ? null : `revoked for ${text.trim()}, which is unspecified here`;
  return { reason: 'unspecified', note };
}
