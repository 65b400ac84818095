import { open, readFile, rename, rm } from 'node:fs/promises';
import { errnoOf, fileFailure, LocalFailure } from './local-failure.ts';

/** A text file that the command line names. Rejects with `usage`. */
export async function readTextFile(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (failure) {
    throw fileFailure(path, failure);
  }
}

/** A passphrase: the first line of its file, as OpenSSL reads one. It never stands on a command line. */
export async function readPassphraseFile(path: string): Promise<string> {
  const [first = ''] = (await readTextFile(path)).split(/\r?\n/, 1);
  if (first === '') throw new LocalFailure('usage', `${path} has no passphrase in its first line.`);
  return first;
}

/** All octets of stdin. Rejects with `usage` where there are more than `limit`. */
export async function readStdin(limit: number): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let octets = 0;
  for await (const piece of process.stdin as AsyncIterable<Buffer>) {
    octets += piece.length;
    if (octets > limit) throw new LocalFailure('usage', `stdin has more than ${limit} octets.`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** Where data is written piece by piece. */
export interface Sink {
  write(content: string | Uint8Array): Promise<void>;
  close(): Promise<void>;
}

/** Opens a file for writing, emptied. Rejects with `usage`. */
export async function openSink(path: string): Promise<Sink> {
  const explain = (failure: unknown): never => {
    throw fileFailure(path, failure);
  };
  const handle = await open(path, 'w').catch(explain);
  return {
    write: (content) => handle.appendFile(content).catch(explain),
    close: () => handle.close().catch(explain),
  };
}

/**
 * Writes a file from pieces as they come: under another name until it is whole, so that half of it is
 * never taken for all. Replaces what is there. The umask may take from `mode`, from the first octet.
 */
export async function saveFile(path: string, mode: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
  const beside = `${path}.${process.pid}.part`;
  try {
    const handle = await open(beside, 'wx', mode);
    try {
      for await (const piece of pieces) await handle.appendFile(piece);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(beside, path);
  } catch (failure) {
    await rm(beside, { force: true });
    throw fileFailure(path, failure);
  }
}

/** A text that may not be there yet: null then. Rejects with `usage`. */
export async function readIfThere(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (failure) {
    if (errnoOf(failure) === 'ENOENT') return null;
    throw fileFailure(path, failure);
  }
}
