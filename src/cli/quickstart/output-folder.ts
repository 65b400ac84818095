import { lstat, mkdir, mkdtemp, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { makeFolder } from '../../folder.ts';
import { errnoOf, fileFailure, LocalFailure } from '../local-failure.ts';

export const FLEET_ROOT_FILE = 'fleet-root.pem';
export const SUMMARY_FILE = 'summary.json';
/** Stands in our summary, so that we never replace somebody else's folder. */
export const MADE_BY = 'fleetca quickstart';

async function isOurs(folder: string): Promise<boolean> {
  try {
    const summary: unknown = JSON.parse(await readFile(join(folder, SUMMARY_FILE), 'utf8'));
    return (
      typeof summary === 'object' && summary !== null && 'madeBy' in summary && summary.madeBy === MADE_BY
    );
  } catch (failure) {
    if (failure instanceof SyntaxError || errnoOf(failure) === 'ENOENT') return false;
    throw failure;
  }
}

/**
 * Refuses (`usage`) a folder that we may not replace: one that holds something and is not of an earlier
 * quickstart.
 */
export async function verifyReplaceable(folder: string): Promise<void> {
  const hint = 'name another folder with --out, or move this one away';
  try {
    if (!(await lstat(folder)).isDirectory()) {
      throw new LocalFailure('usage', `${folder} is there, and it is no folder.`, { hint });
    }
  } catch (failure) {
    if (errnoOf(failure) === 'ENOENT') return;
    throw failure;
  }
  if ((await readdir(folder)).length === 0 || (await isOurs(folder))) return;
  throw new LocalFailure(
    'usage',
    `${folder} holds something that is not of an earlier quickstart (no ${SUMMARY_FILE} of ours is in it). Nothing in it was touched.`,
    { hint },
  );
}

/** A folder under construction beside the one it will become. */
export interface Staging {
  readonly folder: string;
  /** Writes a file, 0600, in folders that are 0700. `path` has `/` between its parts. */
  write(path: string, content: string | Uint8Array): Promise<void>;
  /** Puts the folder in its place; an earlier quickstart's is replaced. */
  publish(): Promise<void>;
  /** Takes it away if it was not published. */
  discard(): Promise<void>;
}

/** Begins the folder beside `target`, so that `target` is at no time half written. */
export async function stageFolder(target: string): Promise<Staging> {
  await makeFolder(dirname(target)).catch((failure: unknown) => {
    throw fileFailure(target, failure);
  });
  // mkdtemp makes it 0700, whatever the umask.
  const folder = await mkdtemp(join(dirname(target), `.${basename(target)}.new-`));

  async function publish(): Promise<void> {
    // Looked at again: it may have been filled since.
    await verifyReplaceable(target);
    const old = `${folder}.old`;
    const replaced = await rename(target, old).then(
      () => true,
      (failure: unknown) => {
        if (errnoOf(failure) === 'ENOENT') return false;
        throw failure;
      },
    );
    await rename(folder, target);
    if (replaced) await rm(old, { recursive: true });
  }

  return {
    folder,
    write: async (path, content) => {
      const file = join(folder, path);
      // A umask can only take bits away.
      await mkdir(dirname(file), { recursive: true, mode: 0o700 });
      await writeFile(file, content, { mode: 0o600, flag: 'wx' });
    },
    publish,
    discard: () => rm(folder, { recursive: true, force: true }),
  };
}
