import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { CeremonyFiles } from '../../ceremony/index.ts';
import { makeFolder } from '../../folder.ts';
import { saveFile } from '../files.ts';
import { errnoOf, fileFailure, LocalFailure } from '../local-failure.ts';
import { once } from '../once.ts';

/** Most octets of a file of a ceremony, and most files: more is no ceremony's. */
const MOST_OCTETS = 1024 * 1024;
const MOST_FILES = 64;

/** All files of a folder, by name. Rejects with `usage`. */
export async function readFolder(folder: string): Promise<CeremonyFiles> {
  try {
    const names = (await readdir(folder)).toSorted();
    if (names.length > MOST_FILES)
      throw new LocalFailure('usage', `${folder} has more files than a ceremony.`);
    const files = new Map<string, Uint8Array>();
    for (const name of names) {
      const path = join(folder, name);
      const found = await stat(path);
      if (!found.isFile() || found.size > MOST_OCTETS)
        throw new LocalFailure('usage', `${path} is no file of a ceremony.`);
      files.set(name, await readFile(path));
    }
    return files;
  } catch (failure) {
    throw fileFailure(folder, failure);
  }
}

/** A folder for what a ceremony leaves behind: made, or there and empty. Rejects with `usage`. */
export async function prepareFolder(folder: string): Promise<void> {
  try {
    await makeFolder(folder);
    if ((await readdir(folder)).length > 0)
      throw new LocalFailure('usage', `${folder} is not empty: a ceremony begins with a folder of its own.`);
  } catch (failure) {
    throw fileFailure(folder, failure);
  }
}

/** Writes files that anybody may read. Rejects with `usage`. */
export async function writeFolder(folder: string, files: CeremonyFiles): Promise<void> {
  for (const [name, content] of files) await saveFile(join(folder, name), 0o644, once(content));
}

/** True where there is something under the path. */
export async function isThere(path: string): Promise<boolean> {
  try {
    await stat(path);
    return true;
  } catch (failure) {
    if (errnoOf(failure) === 'ENOENT') return false;
    throw fileFailure(path, failure);
  }
}
