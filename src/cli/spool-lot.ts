import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addAbortSignal, type Readable } from 'node:stream';
import { fileFailure } from './local-failure.ts';

async function openNameless(): Promise<FileHandle> {
  const folder = await mkdtemp(join(tmpdir(), 'fleetca-lot-'));
  try {
    return await open(join(folder, 'lot'), 'wx+', 0o600);
  } finally {
    // The file lives on without a name, so that nothing is left of it after a kill.
    await rm(folder, { recursive: true, force: true });
  }
}

/**
 * Takes in what can be read only once, so that it can be sent again: in a temporary file that only this
 * user may read and that is gone with the process. Rejects with `usage` where it cannot be written, and
 * with an abort error when the signal comes.
 */
export async function spoolLot(source: Readable, signal?: AbortSignal): Promise<FileHandle> {
  let handle: FileHandle | undefined;
  try {
    handle = await openNameless();
    if (signal) addAbortSignal(signal, source);
    for await (const piece of source as AsyncIterable<Buffer>) await handle.appendFile(piece);
    return handle;
  } catch (failure) {
    await handle?.close();
    throw signal?.aborted ? failure : fileFailure(tmpdir(), failure);
  }
}
