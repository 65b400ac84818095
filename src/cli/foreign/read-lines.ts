import { createReadStream } from 'node:fs';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { fileFailure } from '../local-failure.ts';
import { certificatesIn, type ForeignItem, itemAt, reasonOf } from './item.ts';

/** Of the year 9999. */
const LAST_SECOND = 253_402_300_799;

const vaultData = z.object({
  certificate: z.string().min(1),
  /** Seconds since 1970; 0: it is not revoked. */
  revocation_time: z
    .union([
      z.number().int().min(0).max(LAST_SECOND),
      z
        .string()
        .regex(/^\d{1,11}$/)
        .transform(Number),
    ])
    .default(0),
});
/** As `vault read -format=json` gives it, or its `data` alone. */
const vaultLine = z.union([z.object({ data: vaultData }).transform(({ data }) => data), vaultData]);

function readLine(line: string, origin: string): ForeignItem {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return itemAt(origin, { fault: 'is not JSON' });
  }
  const read = vaultLine.safeParse(value);
  if (!read.success) return itemAt(origin, { fault: 'is not a certificate as Vault gives it' });
  const { certificate: pem, revocation_time: seconds } = read.data;
  const certificates = certificatesIn(Buffer.from(pem));
  if (certificates.length === 0) return itemAt(origin, { fault: 'has no certificate' });
  // Vault keeps no reason.
  const revoked =
    seconds > 0 ? { at: new Date(seconds * 1000).toISOString(), reason: reasonOf('').reason } : null;
  return itemAt(origin, { certificates, revoked });
}

/** Certificates as Vault gives them, one JSON object a line. Rejects with `usage` where the file cannot be read. */
export async function* readVaultLines(path: string): AsyncGenerator<ForeignItem> {
  try {
    let number = 0;
    for await (const line of createInterface(createReadStream(path))) {
      number++;
      if (line.trim() !== '') yield readLine(line, `${path} line ${number}`);
    }
  } catch (failure) {
    throw fileFailure(path, failure);
  }
}
