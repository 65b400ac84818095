import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { BLOCK, readExtended, readTarHeader } from '../archive/index.ts';
import { PkiError } from '../errors.ts';
import { makeFolder } from '../folder.ts';
import { BackupError } from './backup-error.ts';
import { isInside, MANIFEST_NAME, type Manifest, type ManifestFile, parseManifest } from './manifest.ts';

/** A manifest of a hundred thousand keys. */
const MAX_MANIFEST_OCTETS = 32 * 2 ** 20;

/** Reads octets on, in pieces of any size. */
class Cursor {
  readonly #pieces: AsyncIterator<Uint8Array>;
  #rest: Uint8Array = new Uint8Array(0);

  constructor(octets: AsyncIterable<Uint8Array>) {
    this.#pieces = octets[Symbol.asyncIterator]();
  }

  /** The next octets, at most `most`; rejects at the end. */
  async some(most: number): Promise<Uint8Array> {
    while (this.#rest.length === 0) {
      const next = await this.#pieces.next();
      if (next.done) throw new BackupError('It is cut off.');
      this.#rest = next.value;
    }
    const taken = this.#rest.subarray(0, most);
    this.#rest = this.#rest.subarray(taken.length);
    return taken;
  }

  async exactly(count: number): Promise<Uint8Array> {
    const parts: Uint8Array[] = [];
    for (let left = count; left > 0; ) {
      const part = await this.some(left);
      parts.push(part);
      left -= part.length;
    }
    return Buffer.concat(parts);
  }

  /** Reads to the end, so that the encryption proves that it is the end. */
  async finish(): Promise<void> {
    while (!(await this.#pieces.next()).done);
  }
}

/** Takes what a file holds. */
type Keep = (path: string, content: AsyncIterable<Uint8Array>) => Promise<void>;

async function* contentOf(cursor: Cursor, size: number): AsyncGenerator<Uint8Array> {
  for (let left = size; left > 0; ) {
    const piece = await cursor.some(left);
    left -= piece.length;
    yield piece;
  }
}

const MAX_EXTENDED_OCTETS = 64 * 1024;
const paddingOf = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;

interface Entry {
  readonly path: string;
  readonly size: number;
}

/** The next file's name and size; a long name stands in an entry before it. */
async function readEntry(cursor: Cursor, longName: string | null = null): Promise<Entry> {
  const { kind, path, size } = readTarHeader(await cursor.exactly(BLOCK));
  if (kind === 'extended' && longName === null && size <= MAX_EXTENDED_OCTETS) {
    const extended = readExtended(await cursor.exactly(size));
    await cursor.exactly(paddingOf(size));
    if (extended.path) return readEntry(cursor, Buffer.from(extended.path).toString('utf8'));
  }
  const name = longName ?? path;
  if (kind === 'file' && name !== null) return { path: name, size };
  throw new BackupError('What is in it is not laid out as a backup is.');
}

async function nextEntry(cursor: Cursor): Promise<Entry> {
  try {
    return await readEntry(cursor);
  } catch (cause) {
    if (!(cause instanceof PkiError)) throw cause;
    throw new BackupError('What is in it is not laid out as a backup is.', { cause });
  }
}

/** What is in it must be what its manifest says, and nothing more. */
function verifyFiles(found: readonly ManifestFile[], { files }: Manifest): void {
  if (JSON.stringify(found) !== JSON.stringify(files))
    throw new BackupError('What is in it is not what its manifest says.');
}

/**
 * Reads a decrypted backup to its proven end, and hands each file to `keep`, which must read it whole. Gives the
 * manifest, which every file fits. Until it resolves, nothing that was kept is to be believed. Throws `BackupError`.
 */
export async function readBackup(octets: AsyncIterable<Uint8Array>, keep: Keep): Promise<Manifest> {
  const cursor = new Cursor(octets);
  const found: ManifestFile[] = [];
  for (;;) {
    const { path, size } = await nextEntry(cursor);
    if (path === MANIFEST_NAME) {
      if (size > MAX_MANIFEST_OCTETS) throw new BackupError('Its manifest is too long.');
      const manifest = parseManifest(Buffer.from(await cursor.exactly(size)).toString('utf8'));
      await cursor.finish();
      verifyFiles(found, manifest);
      return manifest;
    }
    const hash = createHash('sha256');
    const hashed = async function* () {
      for await (const piece of contentOf(cursor, size)) {
        hash.update(piece);
        yield piece;
      }
    };
    await keep(path, hashed());
    await cursor.exactly(paddingOf(size));
    found.push({ path, size, sha256: hash.digest('hex') });
  }
}

/** Keeps nothing: for looking whether a backup is whole. */
export async function keepNothing(_path: string, content: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const _piece of content);
}

/** Keeps files below a folder, 0600, synced. */
export function keepIn(folder: string): Keep {
  return async (path, content) => {
    if (!isInside(path)) throw new BackupError('It names a file that lies outside its folder.');
    const to = join(folder, path);
    await makeFolder(dirname(to), 0o700);
    const handle = await open(to, 'wx', 0o600);
    try {
      for await (const piece of content) await handle.appendFile(piece);
      await handle.sync();
    } finally {
      await handle.close();
    }
  };
}
