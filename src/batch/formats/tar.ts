import {
  BLOCK,
  badTar,
  decodePath,
  type ExtendedFields,
  readExtended,
  readTarHeader,
  type TarHeader,
  upToNul,
} from '../../archive/index.ts';
import { PkiError } from '../../errors.ts';
import { LIMITS } from '../limits.ts';
import { type RowContent, refusedRow, tooLongRow } from '../row.ts';
import { type IdSource, judgeFile, nameRow, rowOfFile } from './archive-entry.ts';
import { OctetCursor } from './octet-cursor.ts';
import { SeenNames } from './seen-names.ts';

/** Rows that are handed on together where they are at hand; a slow tar's come as they are. */
const GROUP = 64;

const paddingOf = (size: number): number => (BLOCK - (size % BLOCK)) % BLOCK;
const isZero = (octets: Uint8Array): boolean => octets.every((octet) => octet === 0);

const cutOff = (): PkiError => badTar('is cut off');

async function takeWhole(octets: OctetCursor, size: number): Promise<Uint8Array> {
  const taken = await octets.take(size);
  if (taken.length < size || !(await octets.skip(paddingOf(size)))) throw cutOff();
  return taken;
}

async function skipWhole(octets: OctetCursor, size: number): Promise<void> {
  if (!(await octets.skip(size + paddingOf(size)))) throw cutOff();
}

/** Octets that say something of the next entry. */
function takeSmall(octets: OctetCursor, { size }: TarHeader): Promise<Uint8Array> {
  if (size <= LIMITS.tarHeaderOctets) return takeWhole(octets, size);
  throw badTar(`has an extended header of more than ${LIMITS.tarHeaderOctets} octets`);
}

/** After the first block of zeros there is nothing but zeros: a second archive would be lost in silence. */
async function verifyEnd(octets: OctetCursor): Promise<void> {
  for (let piece = await octets.takePiece(); piece.length > 0; piece = await octets.takePiece()) {
    if (!isZero(piece)) throw badTar('is followed by something else after its end');
  }
}

/** The next entry that is one by itself, with what the entries before it say of it; undefined at the end. */
async function nextEntry(octets: OctetCursor): Promise<TarHeader | undefined> {
  let said: ExtendedFields = {};
  for (;;) {
    const block = await octets.take(BLOCK);
    if (block.length < BLOCK) throw cutOff();
    if (isZero(block)) {
      await verifyEnd(octets);
      return undefined;
    }
    const header = readTarHeader(block);
    if (header.kind === 'long-name') said = { ...said, path: upToNul(await takeSmall(octets, header)) };
    else if (header.kind === 'extended') said = { ...said, ...readExtended(await takeSmall(octets, header)) };
    else if (header.kind === 'passed-over') await takeSmall(octets, header);
    else return applyExtended(header, said);
  }
}

function applyExtended(header: TarHeader, { path, size = header.size }: ExtendedFields): TarHeader {
  const named = path === undefined ? header.path : decodePath(path);
  return { ...header, size, path: named };
}

const NO_FILE: Readonly<Record<string, string>> = {
  link: 'The entry is a link, which is not followed.',
  device: 'The entry is a device, which is not opened.',
  unknown: 'The entry is of a kind that is not known.',
};

/** The rows of an entry: one of a file or of what a lot does not have, none of a folder. */
async function readEntry(
  octets: OctetCursor,
  { kind, size, path }: TarHeader,
  ids: IdSource,
  seen: SeenNames,
): Promise<readonly RowContent[]> {
  // What old tars mean by a size here differs from tar to tar.
  if (kind !== 'file' && size > 0) throw badTar('has octets for an entry that is no file');
  if (kind === 'folder') return [];
  if (kind !== 'file') {
    const refusal = new PkiError('bad-row', NO_FILE[kind] ?? 'The entry is no file.');
    return [nameRow(refusedRow(refusal), path)];
  }
  const file = judgeFile(path, ids, seen);
  if ('input' in file || size > LIMITS.rowOctets) {
    await skipWhole(octets, size);
    return [nameRow('input' in file ? file : tooLongRow(file.deviceId), path)];
  }
  return [nameRow(rowOfFile(file, await takeWhole(octets, size)), path)];
}

/**
 * A lot as a tar (POSIX ustar and pax, GNU, the old form): each file is a row, in the archive's order;
 * folders are passed over. Refuses `bad-lot` where the archive is damaged, cut off, or not at its end
 * when it ends; a file at fault is refused alone. Nothing is kept of a file that is too large.
 *
 * It is read here because the reader at hand keeps extended headers of 4 MiB and takes an archive
 * without its end for whole.
 */
export async function* readTar(
  source: AsyncIterable<Uint8Array>,
  ids: IdSource,
): AsyncGenerator<readonly RowContent[]> {
  const octets = new OctetCursor(source);
  const seen = new SeenNames();
  let entries = 0;
  let group: RowContent[] = [];
  try {
    for (let entry = await nextEntry(octets); entry; entry = await nextEntry(octets)) {
      if (++entries > LIMITS.tarEntries) {
        throw new PkiError('too-large', `A tar has at most ${LIMITS.tarEntries} entries.`);
      }
      group.push(...(await readEntry(octets, entry, ids, seen)));
      if (group.length >= GROUP || (group.length > 0 && !octets.hasMore)) {
        yield group;
        group = [];
      }
    }
  } catch (fault) {
    // What came before it stands.
    if (group.length > 0) yield group;
    throw fault;
  } finally {
    await octets.close();
  }
  if (group.length > 0) yield group;
}
