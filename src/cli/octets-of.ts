import type { FileHandle } from 'node:fs/promises';

const PIECE_OCTETS = 64 * 1024;

/**
 * The octets of an open file, from the first up to `end`. Any number of readers, one after the other or
 * leaving midway: a stream of Node's would close the handle when it is destroyed, whatever `autoClose` says.
 */
export async function* octetsOf(handle: FileHandle, end = Number.POSITIVE_INFINITY): AsyncGenerator<Buffer> {
  for (let at = 0; at < end; ) {
    const piece = Buffer.allocUnsafe(PIECE_OCTETS);
    const { bytesRead } = await handle.read(piece, 0, Math.min(PIECE_OCTETS, end - at), at);
    if (bytesRead === 0) return;
    yield piece.subarray(0, bytesRead);
    at += bytesRead;
  }
}
