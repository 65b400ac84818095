import { crc32, inflateRawSync } from 'node:zlib';
import type { Entry } from 'yauzl';
import { PkiError, type RefusalCode } from '../errors.ts';
import type { RandomAccess } from './random-access.ts';
import { LOCAL_HEADER_OCTETS, type ZipDirectory } from './zip-directory.ts';

/** An entry as the central directory has it. */
export type ZipEntry = Entry;

const refuser =
  (code: RefusalCode) =>
  (message: string): never => {
    throw new PkiError(code, message);
  };

const ENCRYPTED = 0x1;
const SIZES_FOLLOW = 0x8;
/** Instead of a size that stands in the field for large files. */
const IN_ZIP64_FIELD = 0xffff_ffff;
const STORED = 0;
const DEFLATED = 8;
const LOCAL_SIGNATURE = 0x04034b50;
/** What deflate adds at most to octets that do not shrink, and room. */
const MOST_OVERHEAD = 1024;
/** File types of Unix, in the high half of the external attributes: none said, folder, file. */
const PLAIN_TYPES: ReadonlySet<number> = new Set([0x0, 0x4, 0x8]);

export const isFolder = ({ fileNameRaw }: ZipEntry): boolean => fileNameRaw.at(-1) === 0x2f;

/**
 * Judges what the central directory tells of an entry. Refuses with `code` a link, a device, what is
 * encrypted, and compression other than deflate.
 */
export function verifyEntry(
  { externalFileAttributes, generalPurposeBitFlag, compressionMethod }: ZipEntry,
  code: RefusalCode,
): void {
  const refuse = refuser(code);
  if (!PLAIN_TYPES.has(externalFileAttributes >>> 28))
    refuse('The entry is a link or a device, which is not followed.');
  if ((generalPurposeBitFlag & ENCRYPTED) !== 0) refuse('The file is encrypted.');
  if (compressionMethod !== STORED && compressionMethod !== DEFLATED) {
    refuse('The file is compressed in a way that is not taken: deflate is, and stored.');
  }
}

/**
 * Whether the checksum and the sizes of a local header are those of the directory, where they stand there and
 * not behind the octets: readers that stream go by them (APPNOTE, 4.4.4 and 4.4.7 to 4.4.9).
 */
function agreesOnSizes(header: Buffer, { crc32: sum, compressedSize, uncompressedSize }: ZipEntry): boolean {
  const flags = header.readUInt16LE(6);
  if ((flags & ENCRYPTED) !== 0) return false;
  if ((flags & SIZES_FOLLOW) !== 0) return true;
  const fits = (at: number, due: number): boolean => [due, IN_ZIP64_FIELD].includes(header.readUInt32LE(at));
  return header.readUInt32LE(14) === sum && fits(18, compressedSize) && fits(22, uncompressedSize);
}

/** Where the octets of an entry begin. Its local header must say the same as the directory. */
async function findData({ file, code }: ZipSource, entry: ZipEntry): Promise<number> {
  const start = entry.relativeOffsetOfLocalHeader;
  const header = Buffer.from(await file.read(start, LOCAL_HEADER_OCTETS + entry.fileNameLength));
  const agrees =
    header.length === LOCAL_HEADER_OCTETS + entry.fileNameLength &&
    header.readUInt32LE(0) === LOCAL_SIGNATURE &&
    header.readUInt16LE(8) === entry.compressionMethod &&
    header.readUInt16LE(26) === entry.fileNameLength &&
    agreesOnSizes(header, entry) &&
    header.subarray(LOCAL_HEADER_OCTETS).equals(entry.fileNameRaw);
  if (!agrees) refuser(code)('The file has another header than the directory of the zip says.');
  return start + header.length + header.readUInt16LE(28);
}

function inflate(octets: Uint8Array, size: number, code: RefusalCode): Uint8Array {
  try {
    // One octet more, so that a longer one than was said shows.
    return inflateRawSync(octets, { maxOutputLength: size + 1 });
  } catch (cause) {
    throw new PkiError(code, 'The file cannot be expanded: it is damaged, or longer than it says.', {
      cause,
    });
  }
}

/** Where entries are read from, and by which code one is refused. */
export interface ZipSource {
  readonly file: RandomAccess;
  readonly directory: ZipDirectory;
  readonly code: RefusalCode;
}

/**
 * The octets of a file whose size, as it is said, the caller has found small enough. Refuses with the code
 * of the source where they are not what the directory says.
 */
export async function readContent(source: ZipSource, entry: ZipEntry): Promise<Uint8Array> {
  const { file, directory, code } = source;
  const refuse = refuser(code);
  const { compressedSize, uncompressedSize, relativeOffsetOfLocalHeader } = entry;
  if (compressedSize > uncompressedSize + MOST_OVERHEAD)
    refuse('The file does not have the size that it says.');
  const from = await findData(source, entry);
  if (from + compressedSize > directory.endOf(relativeOffsetOfLocalHeader))
    refuse('The file runs into the next one.');
  const stored = await file.read(from, compressedSize);
  const octets = entry.compressionMethod === STORED ? stored : inflate(stored, uncompressedSize, code);
  if (octets.length !== uncompressedSize) refuse('The file does not have the size that it says.');
  if (crc32(octets) !== entry.crc32) refuse('The file is damaged: its checksum does not fit.');
  return octets;
}
