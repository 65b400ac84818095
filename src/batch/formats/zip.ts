import {
  checkDirectory,
  decodePath,
  isFolder,
  openListing,
  type RandomAccess,
  readAhead,
  readContent,
  verifyEntry,
  type ZipDirectory,
  type ZipEntry,
  type ZipRules,
} from '../../archive/index.ts';
import { PkiError } from '../../errors.ts';
import { LIMITS } from '../limits.ts';
import { type RowContent, refusedRow, tooLongRow } from '../row.ts';
import { type IdSource, judgeFile, nameRow, rowOfFile } from './archive-entry.ts';
import { SeenNames } from './seen-names.ts';

/** Rows that are handed on together. */
const GROUP = 64;

const RULES: ZipRules = {
  code: 'bad-lot',
  maxEntries: LIMITS.zipEntries,
  expansion: LIMITS.expansion,
  expansionFreeOctets: LIMITS.expansionFreeOctets,
  zip64: 'taken',
};

interface Opened {
  readonly file: RandomAccess;
  readonly directory: ZipDirectory;
  readonly ids: IdSource;
  readonly seen: SeenNames;
}

async function readFile({ file, directory, ids, seen }: Opened, entry: ZipEntry): Promise<RowContent> {
  verifyEntry(entry, 'bad-row');
  const named = judgeFile(decodePath(entry.fileNameRaw), ids, seen);
  if ('input' in named) return named;
  if (entry.uncompressedSize > LIMITS.rowOctets) return tooLongRow(named.deviceId);
  try {
    return rowOfFile(named, await readContent({ file, directory, code: 'bad-row' }, entry));
  } catch (refusal) {
    if (refusal instanceof PkiError) return refusedRow(refusal, named.deviceId);
    throw refusal;
  }
}

async function readEntry(opened: Opened, entry: ZipEntry): Promise<readonly RowContent[]> {
  if (isFolder(entry) && entry.uncompressedSize === 0) return [];
  const path = decodePath(entry.fileNameRaw);
  try {
    return [nameRow(await readFile(opened, entry), path)];
  } catch (refusal) {
    if (refusal instanceof PkiError) return [nameRow(refusedRow(refusal), path)];
    throw refusal;
  }
}

async function* readEntries(opened: Opened): AsyncGenerator<readonly RowContent[]> {
  let group: RowContent[] = [];
  const { entries } = await openListing(opened.file, RULES);
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
  const directory = await checkDirectory(file, RULES);
  return readEntries({ file: readAhead(file), directory, ids, seen: new SeenNames() });
}
