import { lstat, readdir, readFile, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import { BUNDLE_LIMITS, baseName, type GivenFile, isTar, readTarBundle, readZip } from '../check/index.ts';
import { PkiError } from '../errors.ts';
import { readOctets } from './credentials-file.ts';
import { fileFailure, LocalFailure } from './local-failure.ts';

const tooMuch = (path: string): LocalFailure =>
  new LocalFailure('usage', `${path} holds more than a bundle has: name the folder of one device.`);

/** The file at fault is named, not the folder that was given. */
const readOrTell = (path: string): Promise<Buffer> =>
  readFile(path).catch((failure) => {
    throw fileFailure(path, failure);
  });

async function readFolder(folder: string): Promise<readonly GivenFile[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files: GivenFile[] = [];
  let octets = 0;
  for (const entry of entries.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    const path = join(entry.parentPath, entry.name);
    const { size, mode } = await (entry.isSymbolicLink() ? stat(path) : lstat(path)).catch((failure) => {
      throw fileFailure(path, failure);
    });
    if (!entry.isFile() && !entry.isSymbolicLink()) continue;
    octets += size;
    if (
      size > BUNDLE_LIMITS.fileOctets ||
      octets > BUNDLE_LIMITS.octets ||
      files.length >= BUNDLE_LIMITS.files
    )
      throw tooMuch(folder);
    const name = relative(folder, path).replaceAll(sep, '/');
    files.push({ path: name, mode: mode & 0o777, content: await readOrTell(path) });
  }
  return files;
}

const isZip = (octets: Uint8Array): boolean => octets[0] === 0x50 && octets[1] === 0x4b;

async function readOne(path: string): Promise<readonly GivenFile[]> {
  const octets = await readOctets(path, BUNDLE_LIMITS.octets);
  if (isZip(octets)) return readZip(octets);
  if (isTar(octets)) return readTarBundle(octets);
  if (octets.length > BUNDLE_LIMITS.fileOctets) throw tooMuch(path);
  const { mode } = await stat(path);
  return [{ path: basename(path), mode: mode & 0o777, content: octets }];
}

/** The files of a folder, a zip, a tar, or one file. Rejects with `usage`. */
export async function readBundleFiles(path: string): Promise<readonly GivenFile[]> {
  try {
    return (await stat(path)).isDirectory() ? await readFolder(path) : await readOne(path);
  } catch (failure) {
    if (failure instanceof PkiError)
      throw new LocalFailure('usage', `${path}: ${failure.message}`, { cause: failure });
    throw fileFailure(path, failure);
  }
}

/** Files of one device: in a folder of its name, named for it, or shared by all, as they stand above. */
export function filesOfDevice(files: readonly GivenFile[], device: string | undefined): readonly GivenFile[] {
  const folders = [
    ...new Set(files.filter(isClient).map(({ path }) => path.split('/').slice(0, -1).join('/'))),
  ];
  if (device === undefined) {
    if (folders.length <= 1) return files;
    throw new LocalFailure('usage', `There are ${folders.length} devices here: name one with --device.`);
  }
  const isOwn = ({ path }: GivenFile): boolean =>
    path.split('/').includes(device) || baseName(path).startsWith(`${device}.`);
  if (!files.some(isOwn)) throw new LocalFailure('usage', `There is nothing here of a device ${device}.`);
  return files.filter((file) => isOwn(file) || !folders.some((folder) => isInside(file, folder)));
}

const isClient = ({ path }: GivenFile): boolean =>
  ['client.pem', 'certificate.pem.crt'].includes(baseName(path));

const isInside = ({ path }: GivenFile, folder: string): boolean =>
  folder !== '' && path.startsWith(`${folder}/`);
