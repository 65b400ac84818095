import {
  checkDirectory,
  decodePath,
  isFolder,
  openListing,
  pathFault,
  type RandomAccess,
  readContent,
  verifyEntry,
  type ZipEntry,
  type ZipRules,
  type ZipSource,
} from '../archive/index.ts';
import { PkiError } from '../errors.ts';
import { CREDENTIALS_ENTRIES } from './credentials-entries.ts';

const CODE = 'bad-credentials';

const RULES: ZipRules = {
  code: CODE,
  // Nine have a meaning; the rest is room for the notes of others.
  maxEntries: 256,
  expansion: 100,
  expansionFreeOctets: 1024 * 1024,
  zip64: 'refused',
};

/** Ten times what the largest entry is known to have, which is a trust store. */
const MAX_ENTRY_OCTETS = 1024 * 1024;
/** Of a whole archive. */
export const MAX_CREDENTIALS_OCTETS = 16 * 1024 * 1024;

const refuse = (message: string): never => {
  throw new PkiError(CODE, message);
};

/** General purpose flag 3 (APPNOTE, 4.4.4): sizes and checksum follow the octets, and the local header has zeros. */
const SIZES_FOLLOW = 0x8;

/** Extended information of zip64 (APPNOTE, 4.5.3). */
const ZIP64_EXTRA = 0x0001;

/** A file of an archive of credentials. */
export interface CredentialsFile {
  readonly name: string;
  readonly octets: number;
  /** Null where the name has no meaning: then nobody reads it. */
  readonly content: Uint8Array | null;
  /** True where the sizes stand behind the octets: readers that stream may not find their end. */
  readonly sizesFollow: boolean;
}

/** A path that no tool reads may be anything but an attack. */
function readName(entry: ZipEntry): string {
  const path = decodePath(entry.fileNameRaw);
  const fault = pathFault(path);
  return fault === undefined && path !== null ? path : refuse(`The zip has an entry whose path ${fault}.`);
}

const quoted = (name: string): string => JSON.stringify(name);

/** The reason with the name of the file, which the room that reads zips does not know. */
function naming(name: string, failure: unknown): unknown {
  return failure instanceof PkiError
    ? new PkiError(CODE, `${quoted(name)} in the zip cannot be read. ${failure.message}`, { cause: failure })
    : failure;
}

async function readFile(source: ZipSource, entry: ZipEntry, name: string): Promise<CredentialsFile> {
  const sizesFollow = (entry.generalPurposeBitFlag & SIZES_FOLLOW) !== 0;
  const file = { name, octets: entry.uncompressedSize, sizesFollow };
  try {
    verifyEntry(entry, CODE);
    if (entry.extraFields.some(({ id }) => id === ZIP64_EXTRA)) {
      refuse('It is in the form for large files (zip64), which the tools do not read.');
    }
    if (!CREDENTIALS_ENTRIES.has(name)) return { ...file, content: null };
    if (entry.uncompressedSize > MAX_ENTRY_OCTETS) {
      refuse(`It has more than the ${MAX_ENTRY_OCTETS / 1024} KiB that an entry may have.`);
    }
    return { ...file, content: await readContent(source, entry) };
  } catch (failure) {
    throw naming(name, failure);
  }
}

/**
 * The files of an archive of credentials (credentials.zip), in the order of its directory; folders are
 * passed over. Refuses `bad-credentials`, as a whole: what is no zip, is damaged, encrypted, zip64, a link,
 * lies about sizes or leads out of the archive; a name that stands there twice; `too-large`: too many
 * entries or octets, or a bomb. Files whose names have no meaning are not read.
 */
export async function readCredentials(file: RandomAccess): Promise<readonly CredentialsFile[]> {
  if (file.size > MAX_CREDENTIALS_OCTETS) {
    throw new PkiError('too-large', `Credentials have at most ${MAX_CREDENTIALS_OCTETS / 1024 / 1024} MiB.`);
  }
  const source = { file, directory: await checkDirectory(file, RULES), code: CODE } as const;
  const { entries } = await openListing(file, RULES);
  const files: CredentialsFile[] = [];
  for await (const entry of entries) {
    if (isFolder(entry) && entry.uncompressedSize === 0) continue;
    const name = readName(entry);
    // Tools differ in whether they take the first or the last.
    if (files.some((other) => other.name === name)) refuse(`The zip has ${quoted(name)} twice.`);
    files.push(await readFile(source, entry, name));
  }
  return files;
}
