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
import { BUNDLE_LIMITS, type BundleLimits, type GivenFile } from './given-file.ts';

const rulesFor = ({ files }: BundleLimits): ZipRules => ({
  code: 'bad-request',
  maxEntries: files,
  expansion: 100,
  expansionFreeOctets: 1024 * 1024,
  zip64: 'taken',
});

/** APPNOTE, 4.4.2.2: made on Unix; its permissions are in the high half of the external attributes. */
const UNIX = 3;

const modeOf = ({ versionMadeBy, externalFileAttributes }: ZipEntry): number | null =>
  versionMadeBy >>> 8 === UNIX ? (externalFileAttributes >>> 16) & 0o777 : null;

/** The files of a zip. Refuses `bad-request` what is none, lies, or leads out of itself; `too-large`. */
export async function readZip(
  octets: Uint8Array,
  limits: BundleLimits = BUNDLE_LIMITS,
): Promise<readonly GivenFile[]> {
  const rules = rulesFor(limits);
  const file = fileInMemory(octets);
  const source = { file, directory: await checkDirectory(file, rules), code: rules.code };
  const { entries } = await openListing(file, rules);
  const files: GivenFile[] = [];
  let unpacked = 0;
  for await (const entry of entries) {
    if (isFolder(entry)) continue;
    const path = decodePath(entry.fileNameRaw);
    const fault = pathFault(path);
    if (path === null || fault !== undefined)
      throw new PkiError('bad-request', `The zip has an entry whose path ${fault}.`);
    verifyEntry(entry, rules.code);
    if (entry.uncompressedSize > limits.fileOctets)
      throw new PkiError('too-large', `A file of a bundle has at most ${limits.fileOctets} octets.`);
    unpacked += entry.uncompressedSize;
    if (unpacked > limits.octets)
      throw new PkiError('too-large', `A bundle has at most ${limits.octets} octets, unpacked.`);
    files.push({ path, mode: modeOf(entry), content: await readContent(source, entry) });
  }
  return files;
}
