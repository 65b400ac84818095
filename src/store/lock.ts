import { existsSync, realpathSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { PkiError } from '../errors.ts';
import { openExclusive } from './driver.ts';

/** Locks of the operating system belong to the process: within it we keep count ourselves. */
const held = new Set<string>();

const refuse = (cause?: unknown): never => {
  throw new PkiError(
    'busy',
    'Another fleetca is running on this data folder. Stop it first; one service works on one database.',
    {
      ...(cause === undefined ? {} : { cause }),
    },
  );
};

/** One name for a database, however it is reached: a link to it must not be another lock. */
const realPath = (file: string): string =>
  existsSync(file) ? realpathSync(file) : join(realpathSync(dirname(file)), basename(file));

/**
 * Takes the database for this process alone: an exclusive transaction, held open, on a small database
 * beside it. The operating system releases it with the process, however that ends.
 */
export function lockDatabase(file: string): () => void {
  const path = `${realPath(file)}.lock`;
  if (held.has(path)) return refuse();
  const release = openExclusive(path, refuse);
  held.add(path);
  return () => {
    held.delete(path);
    release();
  };
}
