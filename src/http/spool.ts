import { chmod, type FileHandle, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { RandomAccess } from '../archive/index.ts';
import { LIMITS } from '../batch/index.ts';
import { PkiError } from '../errors.ts';
import { makeFolder } from '../folder.ts';
import type { Random } from '../random.ts';

/** An upload that lies on disk. It has no name there any more: it is gone when it is closed, or when the process is. */
export interface SpooledFile extends RandomAccess {
  close(): Promise<void>;
}

/** Where uploads lie that must be read back and forth. */
export interface Spool {
  /**
   * Takes an upload whole. Refuses `too-large` at the octet over the limit, `busy` where too many lie
   * there, `storage-full` and `storage-unavailable` where the disk is the reason; then nothing is left.
   */
  take(octets: AsyncIterable<Uint8Array>): Promise<SpooledFile>;
}

const PREFIX = 'lot-';
const FULL: ReadonlySet<string> = new Set(['ENOSPC', 'EDQUOT', 'EFBIG']);

/** What the disk says, as a refusal. Passes on what is no system error of ours. */
function explain(failure: unknown): unknown {
  if (failure instanceof PkiError || !(failure instanceof Error) || !('syscall' in failure)) return failure;
  const isFull = 'code' in failure && FULL.has(String(failure.code));
  return isFull
    ? new PkiError('storage-full', 'There is no room to keep the upload while it is read.', {
        cause: failure,
      })
    : new PkiError('storage-unavailable', 'The upload cannot be kept while it is read.', { cause: failure });
}

async function append(file: FileHandle, octets: Uint8Array): Promise<void> {
  try {
    await file.writeFile(octets);
  } catch (failure) {
    throw explain(failure);
  }
}

/** Writes an upload to its end. Gives its size. */
async function fill(file: FileHandle, octets: AsyncIterable<Uint8Array>): Promise<number> {
  let size = 0;
  for await (const piece of octets) {
    size += piece.length;
    if (size > LIMITS.zipOctets) {
      throw new PkiError(
        'too-large',
        `A zip has at most ${LIMITS.zipOctets} octets. A tar may be of any size.`,
      );
    }
    await append(file, piece);
  }
  return size;
}

async function readAt(file: FileHandle, at: number, count: number): Promise<Uint8Array> {
  const buffer = Buffer.allocUnsafe(count);
  let filled = 0;
  while (filled < count) {
    const { bytesRead } = await file.read(buffer, filled, count - filled, at + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

/** Opens a file of the owner's alone and takes its name away at once, so that nothing is left whatever happens. */
async function openNameless(folder: string, random: Random): Promise<FileHandle> {
  const path = join(folder, `${PREFIX}${Buffer.from(random.bytes(12)).toString('hex')}`);
  try {
    const file = await open(path, 'wx+', 0o600);
    await rm(path);
    return file;
  } catch (failure) {
    throw explain(failure);
  }
}

/** Opens the folder, 0700, and clears it of what a run left that was killed between two steps. */
export async function openSpool(folder: string, random: Random): Promise<Spool> {
  await makeFolder(folder, 0o700);
  await chmod(folder, 0o700);
  const left = (await readdir(folder)).filter((name) => name.startsWith(PREFIX));
  await Promise.all(left.map((name) => rm(join(folder, name), { force: true })));
  let held = 0;

  const take = async (octets: AsyncIterable<Uint8Array>): Promise<SpooledFile> => {
    if (held >= LIMITS.zipsAtOnce) {
      throw new PkiError('busy', 'Too many zips are being read at this time; a tar need not wait.');
    }
    held++;
    let file: FileHandle | undefined;
    try {
      file = await openNameless(folder, random);
      const opened = file;
      const size = await fill(opened, octets);
      return {
        size,
        read: (at, count) => readAt(opened, at, Math.max(0, Math.min(count, size - at))),
        close: async () => {
          held--;
          await opened.close();
        },
      };
    } catch (failure) {
      held--;
      await file?.close();
      throw failure;
    }
  };
  return { take };
}
