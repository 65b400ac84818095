import { pathFault } from '../../archive/index.ts';
import { PkiError } from '../../errors.ts';
import { foldDeviceId } from '../../policy/index.ts';
import { type RowContent, refusedRow } from '../row.ts';
import type { SeenNames } from './seen-names.ts';

/** Where the device ID of a file comes from: its name without folder and extension, or the request's CN alone. */
export type IdSource = 'name' | 'cn';

const REQUEST = new Set(['csr', 'pem', 'der', 'p10', 'req']);
const ARCHIVE = new Set(['zip', 'tar', 'gz', 'tgz', 'bz2', 'xz', 'zst', '7z', 'rar', 'jar', 'cab']);
/** As a row's `deviceId`. */
const MAX_ID_CHARACTERS = 256;

const refuse = (message: string): never => {
  throw new PkiError('bad-row', message);
};

function verifyPath(path: string | null): string {
  const fault = pathFault(path);
  return fault === undefined && path !== null ? path : refuse(`The path of the file ${fault}.`);
}

interface FileName {
  readonly base: string;
  /** Lower case; '' for none. */
  readonly extension: string;
}

function splitName(path: string): FileName {
  const name = path.slice(path.lastIndexOf('/') + 1);
  const dot = name.lastIndexOf('.');
  return dot === -1
    ? { base: name, extension: '' }
    : { base: name.slice(0, dot), extension: name.slice(dot + 1).toLowerCase() };
}

function verifyExtension(extension: string): void {
  if (REQUEST.has(extension)) return;
  if (ARCHIVE.has(extension)) refuse('The file is an archive of its own: that is not opened.');
  refuse(`The file is no request by its name: that ends with .${[...REQUEST].join(', .')}.`);
}

function verifyId(base: string): void {
  if (base === '') refuse('The file has no name before its extension, which would be the device ID.');
  if (base.length > MAX_ID_CHARACTERS) refuse('The name of the file is too long for a device ID.');
}

/** A file of an archive that may be a request, with what its name says of it. */
export interface NamedFile {
  readonly deviceId: string | null;
}

/**
 * Judges a file by its path. Refuses `bad-row`: a path that is not UTF-8, leads out of the archive or is
 * no plain one; one that stood there before, where capitals and compatibility forms are no difference; a
 * name that is no request's.
 */
function judgeName(path: string | null, ids: IdSource, seen: SeenNames): NamedFile {
  const plain = verifyPath(path);
  const { base, extension } = splitName(plain);
  // `./a.csr` is `a.csr`.
  const bare = plain
    .split('/')
    .filter((part) => part !== '' && part !== '.')
    .join('/');
  if (!seen.add(foldDeviceId(bare)))
    refuse('The archive has a file of this name before (capitals are no difference).');
  verifyExtension(extension);
  if (ids === 'cn') return { deviceId: null };
  verifyId(base);
  return { deviceId: base };
}

/** The row of an entry that is refused for its name, or the file to go on with. */
export function judgeFile(path: string | null, ids: IdSource, seen: SeenNames): NamedFile | RowContent {
  try {
    return judgeName(path, ids, seen);
  } catch (refusal) {
    if (refusal instanceof PkiError) return refusedRow(refusal);
    throw refusal;
  }
}

/** The row that a file's octets make. */
export const rowOfFile = ({ deviceId }: NamedFile, octets: Uint8Array): RowContent => ({
  input: { form: 'request', octets, fields: JSON.stringify(deviceId === null ? {} : { deviceId }) },
  deviceId,
});

/** As much of a path as a message holds: its end, which is where files differ. */
const SHOWN_CHARACTERS = 120;

/** A row with the name of its file, by which a person finds it again. */
export function nameRow(row: RowContent, path: string | null): RowContent {
  if (path === null || path === '' || /\p{Cc}/u.test(path)) return row;
  return { ...row, file: path.length > SHOWN_CHARACTERS ? `…${path.slice(-SHOWN_CHARACTERS)}` : path };
}
