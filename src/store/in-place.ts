import { statfsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { PkiError } from '../errors.ts';

const identityOf = (path: string): string | undefined => {
  const found = statSync(path, { throwIfNoEntry: false });
  return found && `${found.dev}:${found.ino}`;
};

/**
 * Remembers which files lie at the paths of an open database, its write-ahead log among them. The answer
 * throws `storage-unavailable` where they are others or gone: SQLite would go on writing to files that
 * nobody finds again, and every sync would succeed.
 */
export function rememberPlace(file: string): () => void {
  const paths = [file, `${file}-wal`];
  const known = paths.map(identityOf);
  return () => {
    const lost = paths.find((path, i) => identityOf(path) !== known[i]);
    if (lost === undefined) return;
    throw new PkiError(
      'storage-unavailable',
      'The database is not where it was opened: its files were moved, replaced or removed. Nothing was recorded.',
      { facts: { lost } },
    );
  };
}

/** Octets that a disk must have free: some rows of a lot. */
const ROOM = 2 ** 20;

/** Throws `storage-full` where next to nothing is left for what is written beside the database. */
export function verifyRoom(file: string): void {
  const { bavail, bsize } = statfsSync(dirname(file));
  if (bavail * bsize >= ROOM) return;
  throw new PkiError('storage-full', 'The disk that holds the database is full, but for less than a MiB.');
}
