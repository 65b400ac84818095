import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import { fileFailure } from '../local-failure.ts';
import { type ForeignItem, itemAt, readCertificates } from './item.ts';

const NAMED = /\.(pem|crt|cer|cert|der)$/i;

async function* readOne(path: string): AsyncGenerator<ForeignItem> {
  const found = await readCertificates(path);
  if ('fault' in found) yield itemAt(path, found);
  else {
    const { certificates } = found;
    for (const [i, certificate] of certificates.entries()) {
      const place = certificates.length === 1 ? '' : ` (${i + 1} of ${certificates.length})`;
      yield itemAt(`${path}${place}`, { certificates: [certificate] });
    }
  }
}

/**
 * The certificates of a folder and all below it: files that end as certificates do, PEM or DER, with as many in each as
 * there are. What else a PEM holds is passed over. Rejects with `usage` where it cannot be read.
 */
export async function* readFolder(folder: string): AsyncGenerator<ForeignItem> {
  try {
    for await (const entry of await opendir(folder)) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) yield* readFolder(path);
      else if (NAMED.test(entry.name)) yield* readOne(path);
    }
  } catch (failure) {
    throw fileFailure(folder, failure);
  }
}
