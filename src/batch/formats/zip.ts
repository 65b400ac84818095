import { crc32, inflateRawSync } from 'node:zlib';
import type { Entry } from 'yauzl';
import { PkiError } from '../../errors.ts';
import { LIMITS } from '../limits.ts';
import { type RowContent, refusedRow, tooLongRow } from '../row.ts';
import { decodePath, type IdSource, judgeFile, rowOfFile } from './archive-entry.ts';
import { type RandomAccess, readAhead } from './random-access.ts';
import { SeenNames } from './seen-names.ts';
import { checkDirectory, LOCAL_HEADER_OCTETS, openListing, type ZipDirectory } from './zip-directory.ts';

/** Rows that are handed on together. */
const GROUP = 64;

const ENCRYPTED = 0x1;
const STORED = 0;
const DEFLATED = 8;
const LOCAL_SIGNATURE = 0x04034b50;
/** What deflate adds at most to octets that do not shrink, and room. */
const MOST_OVERHEAD = 1024;
/** File types of Unix, in the high half of the external attributes: none said, folder, file. */
const PLAIN_TYPES: ReadonlySet<number> = new Set([0x0, 0x4, 0x8]);

const refuse = (message: string): never => {
  throw new PkiError('bad-row', message);
};

const isFolder = ({ fileNameRaw }: Entry): boolean => fileNameRaw.at(-1) === 0x2f;

/** What of an entry the central directory tells. */
function verifyEntry({ externalFileAttributes, generalPurposeBitFlag, compressionMethod }: Entry): void {
  if (!PLAIN_TYPES.has(externalFileAttributes >>> 28))
    refuse('The entry is a link or a device, which is not followed.');
  if ((generalPurposeBitFlag & ENCRYPTED) !== 0) refuse('The file is encrypted.');
  if (compressionMethod !== STORED && compressionMethod !== DEFLATED) {
    refuse('The file is compressed in a way that is not taken: deflate is, and stored.');
  }
}

/** Where the octets of an entry begin. Its local header must say the same as the directory. */
async function findData(file: RandomAccess, entry: Entry): Promise<number> {
  const start = entry.relativeOffsetOfLocalHeader;
  const header = Buffer.from(await file.read(start, LOCAL_HEADER_OCTETS + entry.fileNameLength));
  const agrees =
    header.length === LOCAL_HEADER_OCTETS + entry.fileNameLength &&
    header.readUInt32LE(0) === LOCAL_SIGNATURE &&
    header.readUInt16LE(8) === entry.compressionMethod &&
    header.readUInt16LE(26) === entry.fileNameLength &&
    header.subarray(LOCAL_HEADER_OCTETS).equals(entry.fileNameRaw);
  if (!agrees) refuse('The file has another header than the directory of the zip says.');
  return start + header.length + header.readUInt16LE(28);
}

function inflate(octets: Uint8Array, size: number): Uint8Array {
  try {
    // One octet more, so that a longer one than was said shows.
    return inflateRawSync(octets, { maxOutputLength: size + 1 });
  } catch (cause) {
    throw new PkiError('bad-row', 'The file cannot be expanded: it is damaged, or longer than it says.', {
      cause,
    });
  }
}

/** The octets of a file of at most 64 KiB. Refuses `bad-row` where they are not what the directory says. */
async function readContent(file: RandomAccess, directory: ZipDirectory, entry: Entry): Promise<Uint8Array> {
  const { compressedSize, uncompressedSize, relativeOffsetOfLocalHeader } = entry;
  if (compressedSize > uncompressedSize + MOST_OVERHEAD)
    refuse('The file does not have the size that it says.');
  const from = await findData(file, entry);
  if (from + compressedSize > directory.endOf(relativeOffsetOfLocalHeader))
    refuse('The file runs into the next one.');
  const stored = await file.read(from, compressedSize);
  const octets = entry.compressionMethod === STORED ? stored : inflate(stored, uncompressedSize);
  if (octets.length !== uncompressedSize) refuse('The file does not have the size that it says.');
  if (crc32(octets) !== entry.crc32) refuse('The file is damaged: its checksum does not fit.');
  return octets;
}

interface Opened {
  readonly file: RandomAccess;
  readonly directory: ZipDirectory;
  readonly ids: IdSource;
  readonly seen: SeenNames;
}

async function readFile({ file, directory, ids, seen }: Opened, entry: Entry): Promise<RowContent> {
  verifyEntry(entry);
  const named = judgeFile(decodePath(entry.fileNameRaw), ids, seen);
  if ('input' in named) return named;
  if (entry.uncompressedSize > LIMITS.rowOctets) return tooLongRow(named.deviceId);
  try {
    return rowOfFile(named, await readContent(file, directory, entry));
  } catch (refusal) {
    if (refusal instanceof PkiError) return refusedRow(refusal, named.deviceId);
    throw refusal;
  }
}

async function readEntry(opened: Opened, entry: Entry): Promise<readonly RowContent[]> {
  if (isFolder(entry) && entry.uncompressedSize === 0) return [];
  try {
    return [await readFile(opened, entry)];
  } catch (refusal) {
    if (refusal instanceof PkiError) return [refusedRow(refusal)];
    throw refusal;
  }
}

async function* readEntries(opened: Opened): AsyncGenerator<readonly RowContent[]> {
  let group: RowContent[] = [];
  const { entries } = await openListing(opened.file);
  for await (const entry of entries) {
    group.push(...(await readEntry(opened, entry)));
    if (group.length >= GROUP) {
      yield group;
      group = [];
    }
  }
  if (group.length > 0) yield group;
}

/**
 * A lot as a zip: each file is a row, in the order of the central directory; folders are passed over.
 * When it resolves, the directory has been looked through; rejects with `bad-lot` or `too-large` where
 * the archive is at fault. A file at fault is refused alone.
 */
export async function openZip(
  file: RandomAccess,
  ids: IdSource,
): Promise<AsyncGenerator<readonly RowContent[]>> {
  const directory = await checkDirectory(file);
  return readEntries({ file: readAhead(file), directory, ids, seen: new SeenNames() });
}
