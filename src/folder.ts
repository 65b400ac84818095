import { mkdir, rmdir, stat } from 'node:fs/promises';
import { dirname } from 'node:path';

/** A folder cannot be made or used; whoever named it has to put it right. */
export class FolderError extends Error {
  override readonly name = 'FolderError';
  /** One sentence each: the path, what was found, what to do. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[], detail: { readonly cause?: unknown } = {}) {
    super(problems.join('\n'), detail.cause === undefined ? undefined : { cause: detail.cause });
    this.problems = problems;
  }
}

const REASONS: Readonly<Record<string, string>> = {
  ENOENT: 'no folder can be made there',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'it lies on a file system that is read-only',
  ENOSPC: 'the disk is full',
  EEXIST: 'it is there, and no folder',
  ENOTDIR: 'a part of the path is no folder',
};

const codeOf = (failure: unknown): string =>
  failure instanceof Error && 'code' in failure ? String(failure.code) : '';

async function isFolder(path: string): Promise<boolean> {
  try {
    return (await stat(path)).isDirectory();
  } catch {
    return false;
  }
}

function refuse(path: string, cause: unknown): never {
  const code = codeOf(cause);
  const reason = REASONS[code];
  if (reason === undefined) throw cause;
  throw new FolderError([`The folder ${path} cannot be made: ${reason} (${code}). Name another place.`], {
    cause,
  });
}

/**
 * Makes a folder, and those above it that are missing, with `mode` less the umask; one that is there
 * stays as it is. Gives the folders that it made, the deepest last; none stays where that fails.
 * Rejects with `FolderError`, which names the folder that could not be made.
 *
 * Step by step, not by `recursive`: where the file system answers ENOENT below a folder that is there,
 * as /proc does, that looks for the missing parent for ever.
 */
export async function makeFolder(path: string, mode = 0o777): Promise<readonly string[]> {
  try {
    await mkdir(path, { mode });
    return [path];
  } catch (failure) {
    if (await isFolder(path)) return [];
    if (codeOf(failure) !== 'ENOENT') return refuse(path, failure);
  }
  // The one above may be there by now: others make folders, too.
  const above = (await isFolder(dirname(path))) ? [] : await makeFolder(dirname(path), mode);
  try {
    await mkdir(path, { mode });
    return [...above, path];
  } catch (failure) {
    if (await isFolder(path)) return above;
    for (const folder of [...above].reverse()) await rmdir(folder).catch(() => undefined);
    return refuse(path, failure);
  }
}
