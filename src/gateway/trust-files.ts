import { readFile } from 'node:fs/promises';
import type { TrustSource } from './trust.ts';

/** Trust from files: PEM with certificates, and PEM with CRLs where there are any. */
export const trustFromFiles = (trustFile: string, crlFile: string | null): TrustSource => ({
  says: crlFile === null ? trustFile : `${trustFile} and ${crlFile}`,
  read: async () => ({
    trusted: await readFile(trustFile, 'utf8'),
    crls: crlFile === null ? null : await readFile(crlFile, 'utf8'),
  }),
});
