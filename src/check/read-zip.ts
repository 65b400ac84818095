import {
  checkDirectory,
  decodePath,
  fileInMemory,
  isFolder,
  openListing,
  pathFault,
  readContent,
  verifyEntry,
  type ZipEntry,
  type ZipRules,
} from '../archive/index.ts';
import { PkiError } from '../errors.ts';
import { BUNDLE_LIMITS, type GivenFile } from './given-file.ts';

const RULES: ZipRules = {
  code: 'bad-request',
  maxEntries: BUNDLE_LIMITS.files,
  expansion: 100,
  expansionFreeOctets: 1024 * 1024,
  zip64: 'taken',
};

/** APPNOTE, 4.4.2.2: made on Unix; its permissions are in the high half of the external attributes. */
const UNIX = 3;

const modeOf = ({ versionMadeBy, externalFileAttributes }: ZipEntry): number | null =>
  versionMadeBy >>> 8 === UNIX ? (externalFileAttributes >>> 16) & 0o777 : null;

/** The files of a zip. Refuses `bad-request` what is none, lies, or leads out of itself; `too-large`. */
export async function readZip(octets: Uint8Array): Promise<readonly GivenFile[]> {
  const file = fileInMemory(octets);
  const source = { file, directory: await checkDirectory(file, RULES), code: RULES.code };
  const { entries } = await openListing(file, RULES);
  const files: GivenFile[] = [];
  for await (const entry of entries) {
    if (isFolder(entry)) continue;
    const path = decodePath(entry.fileNameRaw);
    const fault = pathFault(path);
    if (path === null || fault !== undefined)
      throw new PkiError('bad-request', `The zip has an entry whose path ${fault}.`);
    verifyEntry(entry, RULES.code);
    if (entry.uncompressedSize > BUNDLE_LIMITS.fileOctets)
      throw new PkiError('too-large', `A file of a bundle has at most ${BUNDLE_LIMITS.fileOctets} octets.`);
    files.push({ path, mode: modeOf(entry), content: await readContent(source, entry) });
  }
  return files;
}
