import { type Entry, fromRandomAccessReaderPromise, RandomAccessReader, type ZipFile } from 'yauzl';
import { PkiError, type RefusalCode } from '../errors.ts';
import { type RandomAccess, readAhead } from './random-access.ts';

/** What a zip may be, and by which code it is refused as a whole. */
export interface ZipRules {
  readonly code: RefusalCode;
  readonly maxEntries: number;
  /** How many times its size the entries may expand to, together. */
  readonly expansion: number;
  /** So much may come out, octets, before that counts. */
  readonly expansionFreeOctets: number;
  /** Whether it may be in the form for large archives (APPNOTE, 4.3.14), which some readers do not know. */
  readonly zip64: 'taken' | 'refused';
}

const badZip = ({ code }: ZipRules, what: string, cause?: unknown): PkiError =>
  new PkiError(code, `The zip ${what}.`, { cause });

/** Gives the reading library our file. A failure of the file itself is kept: it is no fault of the zip. */
class ZipReader extends RandomAccessReader {
  readonly #file: RandomAccess;
  failure: unknown;

  constructor(file: RandomAccess) {
    super();
    this.#file = readAhead(file);
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (failure: Error | null) => void,
  ): void {
    this.#file.read(position, length).then(
      (octets) => {
        buffer.set(octets, offset);
        callback(octets.length < length ? new Error('unexpected end of file') : null);
      },
      (failure: Error) => {
        this.failure = failure;
        callback(failure);
      },
    );
  }
}

/** What the library says of a zip that cannot be read, as a refusal. */
function explain(failure: unknown, reader: ZipReader, rules: ZipRules): unknown {
  if (reader.failure !== undefined || failure instanceof PkiError) return failure;
  return badZip(rules, 'cannot be read: it is none, is damaged, or is cut off', failure);
}

/** Where the library will read the next entry of the directory: a number, whatever its declarations say. */
const cursorOf = (zip: ZipFile): number => Number(zip.readEntryCursor);

async function open(reader: ZipReader, size: number, rules: ZipRules): Promise<ZipFile> {
  try {
    // Names as octets: we judge them ourselves, each for its row.
    const zip = await fromRandomAccessReaderPromise(reader, size, { decodeStrings: false, autoClose: false });
    if (zip.entryCount <= rules.maxEntries) return zip;
    throw new PkiError('too-large', `A zip has at most ${rules.maxEntries} entries here.`);
  } catch (failure) {
    throw explain(failure, reader, rules);
  }
}

/** What follows the last entry: an end of the directory (APPNOTE, 4.3.16 and 4.3.14). */
const END = 0x06054b50;
const ZIP64_END = 0x06064b50;

async function verifyEnd(file: RandomAccess, at: number, rules: ZipRules): Promise<void> {
  const octets = Buffer.from(await file.read(at, 4));
  const end = octets.length < 4 ? undefined : octets.readUInt32LE();
  if (end === ZIP64_END && rules.zip64 === 'refused') {
    throw badZip(rules, 'is of the kind for large archives (zip64), which the tools do not read');
  }
  // Else there are entries that are not counted, and would be lost in silence.
  if (end !== END && end !== ZIP64_END) {
    throw badZip(rules, 'has something between its directory and the end of that');
  }
}

/** The directory of a zip as it is listed. */
export interface ListedZip {
  /** Where the directory begins. */
  readonly start: number;
  readonly entries: AsyncIterable<Entry>;
}

/** Opens the directory. It and its listing reject with the code of the rules, or `too-large`. */
export async function openListing(file: RandomAccess, rules: ZipRules): Promise<ListedZip> {
  const reader = new ZipReader(file);
  const zip = await open(reader, file.size, rules);
  const start = cursorOf(zip);
  async function* list(): AsyncGenerator<Entry> {
    try {
      yield* zip.eachEntry();
      await verifyEnd(file, cursorOf(zip), rules);
    } catch (failure) {
      throw explain(failure, reader, rules);
    }
  }
  return { start, entries: list() };
}

/** Where an entry's local header begins, and where its octets end at the least. */
interface Span {
  readonly start: number;
  readonly end: number;
}

/** Of a local header without name and extra field (APPNOTE, 4.3.7). */
export const LOCAL_HEADER_OCTETS = 30;

function verifyApart(spans: readonly Span[], last: number, rules: ZipRules): void {
  for (const [i, { end }] of spans.entries()) {
    if (end > (spans[i + 1]?.start ?? last)) throw badZip(rules, 'has entries that overlap each other');
  }
}

/** Where each entry may end at the most: where the next one begins. */
export interface ZipDirectory {
  endOf(start: number): number;
}

/** The first of the ascending numbers that is greater. */
function firstAfter(numbers: Float64Array, least: number): number | undefined {
  let low = 0;
  let high = numbers.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((numbers[middle] ?? 0) > least) high = middle;
    else low = middle + 1;
  }
  return numbers[low];
}

/**
 * Looks through the central directory before anything is expanded. Refuses, with the code of the rules,
 * where it cannot be read, or where entries overlap; `too-large` where there are too many, or they would
 * expand to too much.
 */
export async function checkDirectory(file: RandomAccess, rules: ZipRules): Promise<ZipDirectory> {
  const spans: Span[] = [];
  let expanded = 0;
  const directory = await openListing(file, rules);
  for await (const { relativeOffsetOfLocalHeader: start, ...entry } of directory.entries) {
    const end = start + LOCAL_HEADER_OCTETS + entry.fileNameLength + entry.compressedSize;
    spans.push({ start, end });
    expanded += entry.uncompressedSize;
  }
  if (expanded > file.size * rules.expansion + rules.expansionFreeOctets) {
    throw new PkiError('too-large', `The zip expands to more than ${rules.expansion} times its size.`);
  }
  spans.sort((a, b) => a.start - b.start);
  verifyApart(spans, directory.start, rules);
  const starts = Float64Array.from(spans, ({ start }) => start);
  return { endOf: (start) => firstAfter(starts, start) ?? directory.start };
}
