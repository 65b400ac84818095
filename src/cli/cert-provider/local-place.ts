import { copyFile, link, lstat, mkdir, open, rename, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { FolderError, makeFolder } from '../../folder.ts';
import type { Random } from '../../random.ts';
import { errnoOf, fileFailure, LocalFailure } from '../local-failure.ts';
import type { Place, PlacedFile } from './place.ts';

const SECRET = 0o600;

/** The system's reasons for which a file cannot be written now, and can be later. */
const NO_ROOM: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EFBIG']);

function placeFailure(path: string, failure: unknown): unknown {
  const errno = errnoOf(failure instanceof FolderError ? failure.cause : failure) ?? '';
  if (!NO_ROOM.has(errno)) return fileFailure(path, failure);
  const message = `${path} cannot be written (${errno}); nothing was left there.`;
  return new LocalFailure('not-placed', message, { hint: 'make room on that disk', cause: failure });
}

/** What stands at a path; undefined for nothing. */
async function findAt(path: string) {
  try {
    return await lstat(path);
  } catch (failure) {
    if (errnoOf(failure) === 'ENOENT') return undefined;
    throw failure;
  }
}

async function writeSecret(path: string, content: string): Promise<void> {
  const handle = await open(path, 'wx', SECRET);
  try {
    await handle.chmod(SECRET);
    await handle.writeFile(content);
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** Keeps a file under a second name. FAT, as on many a boot partition, has no hard links. */
async function keep(path: string, kept: string): Promise<void> {
  try {
    await link(path, kept);
  } catch (failure) {
    if (!['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'].includes(errnoOf(failure) ?? '')) throw failure;
    await copyFile(path, kept);
  }
}

/** A move that can be undone: what the file replaced is kept under a name of its own until all are there. */
interface Move {
  readonly to: string;
  /** null: nothing was there. */
  readonly kept: string | null;
}

async function undo(moves: readonly Move[]): Promise<void> {
  for (const { to, kept } of [...moves].reverse()) {
    if (kept === null) await rm(to, { force: true });
    else await rename(kept, to);
  }
}

/**
 * Opens a folder of this machine for files at these paths below it. In each folder that a file goes to
 * there is one for the way, so that the last step is a rename on the same file system.
 * Rejects with `usage` where that cannot be made, or where a folder stands in a file's place.
 */
export async function openLocalPlace(root: string, paths: readonly string[], random: Random): Promise<Place> {
  const stageName = `.fleetca-${Buffer.from(random.bytes(8)).toString('hex')}`;
  const at = (path: string): string => join(resolve(root), path);
  const folders = [...new Set(paths.map((path) => dirname(at(path))))];
  const made: string[] = [];
  let isPut = false;

  async function close(): Promise<void> {
    const ignore = (): undefined => undefined;
    for (const folder of folders)
      await rm(join(folder, stageName), { recursive: true, force: true }).catch(ignore);
    // Somebody else's files may lie there by now: then it stays.
    if (!isPut) for (const folder of made.reverse()) await rmdir(folder).catch(ignore);
  }

  async function moveAll(files: readonly PlacedFile[]): Promise<void> {
    const moves: Move[] = [];
    try {
      for (const { path } of files) {
        const to = at(path);
        const stage = join(dirname(to), stageName);
        const kept = (await findAt(to)) ? join(stage, `${basename(to)}.old`) : null;
        if (kept !== null) await keep(to, kept);
        await rename(join(stage, basename(to)), to);
        moves.push({ to, kept });
      }
      for (const folder of folders) await syncFolder(folder);
    } catch (failure) {
      await undo(moves);
      throw failure;
    }
  }

  async function put(files: readonly PlacedFile[]): Promise<void> {
    try {
      for (const { path, content } of files) {
        await writeSecret(join(dirname(at(path)), stageName, basename(path)), content);
      }
      await moveAll(files);
      isPut = true;
    } catch (failure) {
      throw placeFailure(root, failure);
    }
  }

  try {
    for (const folder of folders) {
      made.push(...(await makeFolder(folder)));
      await mkdir(join(folder, stageName), { mode: 0o700 });
    }
    for (const path of paths) {
      if ((await findAt(at(path)))?.isDirectory())
        throw new LocalFailure('usage', `${at(path)} is a folder, where a file is due.`);
    }
  } catch (failure) {
    await close();
    throw placeFailure(root, failure);
  }
  return { name: root, put, close };
}
