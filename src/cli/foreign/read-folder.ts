import { opendir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileFailure } from '../local-failure.ts';
import { certificatesIn, type ForeignItem, itemAt, MAX_FILE_OCTETS } from './item.ts';

const NAMED = /\.(pem|crt|cer|cert|der)$/i;

async function* readOne(path: string): AsyncGenerator<ForeignItem> {
  if ((await stat(path)).size > MAX_FILE_OCTETS) {
    yield itemAt(path, { fault: `has more than ${MAX_FILE_OCTETS} octets` });
    return;
  }
  const found = certificatesIn(await readFile(path));
  for (const [i, certificate] of found.entries())
    yield itemAt(found.length === 1 ? path : `${path} (${i + 1} of ${found.length})`, { certificate });
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
