import type { Dirent, Stats } from 'node:fs';
import { chmod, lstat, readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { modeProblem, shellPath } from '../file-mode.ts';
import { FolderError, makeFolder } from '../folder.ts';
import { syncFolder } from './secret-file.ts';
import { errnoOf, KeystoreSetupError } from './setup-error.ts';

export const KEY_FILE_SUFFIX = '.pem';
/** The passphrase that the service made for itself; lies in the key folder. */
export const PASSPHRASE_FILE = 'passphrase';

/** What a checkout of the repository puts there. */
const DOCUMENTS: ReadonlySet<string> = new Set(['README.md', '.gitignore']);

const isKeyFile = (name: string): boolean => !name.startsWith('.') && name.endsWith(KEY_FILE_SUFFIX);

/** A folder in the key folder (`lost+found` of a mounted volume) is nothing of ours. */
const isForeignFolder = (entry: Dirent): boolean =>
  entry.isDirectory() && !isKeyFile(entry.name) && entry.name !== PASSPHRASE_FILE;

function checkOwner(path: string, { uid }: Stats): readonly string[] {
  const own = process.geteuid?.();
  if (own === undefined || uid === own) return [];
  return [
    `${path} belongs to user ${uid}, and this process runs as user ${own}: chown ${own} ${shellPath(path)}`,
  ];
}

function checkMode(path: string, { mode }: Stats, due: number): readonly string[] {
  return (mode & 0o777) === due ? [] : [modeProblem(path, mode, due)];
}

async function checkFile(path: string): Promise<readonly string[]> {
  const found = await lstat(path);
  if (!found.isFile()) return [`${path} is not a regular file: put the file itself there, not a link to it`];
  return [...checkOwner(path, found), ...checkMode(path, found, 0o600)];
}

async function makeKeyFolder(folder: string): Promise<void> {
  await makeFolder(folder, 0o700);
  await chmod(folder, 0o700);
  await syncFolder(dirname(folder));
}

async function findFolder(folder: string): Promise<Stats | undefined> {
  try {
    return await stat(folder);
  } catch (failure) {
    if (errnoOf(failure) === 'ENOENT') return undefined;
    throw failure;
  }
}

/** The rule for a folder that is there. Returns whether it holds keys. */
async function checkFolder(folder: string, found: Stats): Promise<boolean> {
  if (!found.isDirectory()) throw new KeystoreSetupError([`${folder} is not a folder`]);
  const owner = checkOwner(folder, found);
  if (owner.length > 0) throw new KeystoreSetupError(owner);

  const entries = await readdir(folder, { withFileTypes: true });
  const guarded = entries.filter((entry) => !DOCUMENTS.has(entry.name) && !isForeignFolder(entry));
  if (guarded.length === 0) {
    // git checks folders out as 0755. Nothing secret was ever in it, so there is nothing to warn of.
    await chmod(folder, 0o700);
    return false;
  }
  const files = await Promise.all(guarded.map(({ name }) => checkFile(join(folder, name))));
  const problems = [...checkMode(folder, found, 0o700), ...files.flat()];
  if (problems.length > 0) throw new KeystoreSetupError(problems);
  return guarded.some(({ name }) => isKeyFile(name));
}

/**
 * Makes the key folder ready, before anything in it is read. A missing one is made 0700; one that
 * holds nothing but the repository's README is set to 0700; any other must be 0700 and ours, with
 * every file in it 0600, ours and no link. Wrong modes are refused and not repaired: somebody may have
 * read the keys, and a person has to know. Returns whether the folder holds keys.
 * Rejects with `KeystoreSetupError`.
 */
export async function prepareKeyFolder(folder: string): Promise<boolean> {
  try {
    const found = await findFolder(folder);
    if (found) return await checkFolder(folder, found);
    await makeKeyFolder(folder);
    return false;
  } catch (failure) {
    if (failure instanceof FolderError) throw new KeystoreSetupError(failure.problems, { cause: failure });
    const code = errnoOf(failure);
    if (code === undefined) throw failure;
    throw new KeystoreSetupError([`The key folder ${folder} cannot be prepared: ${code}`], {
      cause: failure,
    });
  }
}
