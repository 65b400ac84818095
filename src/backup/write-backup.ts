import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { encodeTarEntry, padTarEntry, TAR_END } from '../bundle/index.ts';
import { MANIFEST_NAME, type Manifest, type ManifestFile } from './manifest.ts';

/** A file that goes into a backup: where it lies, and what it is called in there. */
export interface Source {
  readonly from: string;
  readonly path: string;
}

const PIECE_OCTETS = 1 << 20;
const MODE = 0o600;

/**
 * The files and their manifest as a tar, read once, piece by piece. Files must not change meanwhile: one that is not as
 * long as it was rejects. `done` is told what is in it when all of it was read.
 */
export async function* writeBackup(
  sources: readonly Source[],
  facts: Omit<Manifest, 'files'>,
  done: (manifest: Manifest) => void,
): AsyncGenerator<Uint8Array> {
  const modified = new Date(facts.copiedAt);
  const files: ManifestFile[] = [];
  for (const { from, path } of sources) {
    const { size } = await stat(from);
    yield encodeTarEntry({ path, mode: MODE, size, modified });
    const hash = createHash('sha256');
    let read = 0;
    for await (const piece of createReadStream(from, { highWaterMark: PIECE_OCTETS })) {
      hash.update(piece);
      read += piece.length;
      yield piece;
    }
    if (read !== size) throw new Error(`${path} changed while it was read`);
    yield padTarEntry(size);
    files.push({ path, size, sha256: hash.digest('hex') });
  }
  const whole: Manifest = { ...facts, files };
  const manifest = Buffer.from(`${JSON.stringify(whole, null, 2)}\n`);
  yield encodeTarEntry({ path: MANIFEST_NAME, mode: MODE, size: manifest.length, modified });
  yield manifest;
  yield padTarEntry(manifest.length);
  yield TAR_END;
  done(whole);
}
