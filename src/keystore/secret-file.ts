import { type FileHandle, link, open, unlink } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { errnoOf } from './setup-error.ts';

/** What crashes can leave beside one file before somebody has to look. */
const MOST_LEFTOVERS = 100;

/** Makes the names in a folder durable, as fsync on a file makes its content. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** A new file beside `path`. A name that a crash left behind is passed over, never written into. */
async function openBeside(path: string): Promise<{ readonly beside: string; readonly handle: FileHandle }> {
  for (let n = 0; n < MOST_LEFTOVERS; n++) {
    const beside = join(dirname(path), `.${basename(path)}.${n}.new`);
    try {
      return { beside, handle: await open(beside, 'wx', 0o600) };
    } catch (failure) {
      if (errnoOf(failure) !== 'EEXIST') throw failure;
    }
  }
  throw new Error(`${MOST_LEFTOVERS} unfinished files lie beside ${path}: remove them`);
}

/**
 * Writes a file that only its owner may read: 0600 from the first octet, whatever the umask. When it
 * resolves, content and name are on disk; a reader sees all of it or nothing. Never overwrites: rejects
 * with the system's `EEXIST` when the path is taken.
 */
export async function writeSecretFile(path: string, content: string | Uint8Array): Promise<void> {
  const { beside, handle } = await openBeside(path);
  try {
    try {
      // A umask can only have taken bits away; the owner needs both of his.
      await handle.chmod(0o600);
      await handle.writeFile(content);
      await handle.sync();
    } finally {
      await handle.close();
    }
    // rename() would replace what is there; link() refuses.
    await link(beside, path);
  } finally {
    await unlink(beside);
  }
  await syncFolder(dirname(path));
}
