import type { BundleFolder } from './folder.ts';

const BLOCK = 512;
/** POSIX.1-2017, pax, ustar interchange format: octets of the name field, and of the size field in octal digits. */
const NAME_OCTETS = 100;
const NUMBER_DIGITS = 11;
const FOLDER_MODE = 0o700;

interface Entry {
  readonly path: string;
  readonly mode: number;
  readonly type: 'file' | 'folder' | 'extended';
  readonly size: number;
  readonly modified: Date;
}

const TYPE_FLAG = { file: '0', folder: '5', extended: 'x' } as const;

const octal = (value: number, digits: number): string => `${value.toString(8).padStart(digits, '0')}\0`;

/** 8 GiB and more do not fit into octal digits: base 256, with the first bit set, as GNU tar and libarchive have it. */
function writeSize(block: Buffer, size: number): void {
  if (size < 8 ** NUMBER_DIGITS) {
    block.write(octal(size, NUMBER_DIGITS), 124, 'latin1');
    return;
  }
  block[124] = 0x80;
  block.writeBigUInt64BE(BigInt(size), 128);
}

/** A header block. The path has at most 100 octets. */
function encodeHeader({ path, mode, type, size, modified }: Entry): Buffer {
  const block = Buffer.alloc(BLOCK);
  block.write(path, 0, NAME_OCTETS, 'utf8');
  block.write(octal(mode, 7), 100, 'latin1');
  // Nobody's in particular: whoever unpacks it owns it.
  block.write(octal(0, 7), 108, 'latin1');
  block.write(octal(0, 7), 116, 'latin1');
  writeSize(block, size);
  block.write(octal(Math.floor(modified.getTime() / 1000), NUMBER_DIGITS), 136, 'latin1');
  block.write(TYPE_FLAG[type], 156, 'latin1');
  block.write('ustar\x0000', 257, 'latin1');
  // The checksum is over the block with spaces in its own place.
  block.fill(0x20, 148, 156);
  const sum = block.reduce((total, octet) => total + octet, 0);
  block.write(`${octal(sum, 6)} `, 148, 'latin1');
  return block;
}

const padding = (size: number): Buffer => Buffer.alloc((BLOCK - (size % BLOCK)) % BLOCK);

/** A record of an extended header: its length counts its own digits. */
function encodeRecord(name: string, value: string): Buffer {
  const rest = ` ${name}=${value}\n`;
  const least = Buffer.byteLength(rest);
  const digits = String(least + String(least).length).length;
  return Buffer.from(`${least + digits}${rest}`, 'utf8');
}

/** The header of an entry, with an extended one before it where the path does not fit. */
function encodeEntry(entry: Entry): readonly Buffer[] {
  if (Buffer.byteLength(entry.path) <= NAME_OCTETS) return [encodeHeader(entry)];
  const record = encodeRecord('path', entry.path);
  const extended = { ...entry, path: 'path', mode: 0o600, type: 'extended', size: record.length } as const;
  const short = { ...entry, path: Buffer.from(entry.path).toString('latin1', 0, NAME_OCTETS) };
  return [encodeHeader(extended), record, padding(record.length), encodeHeader(short)];
}

/** What stands before a file's octets in a tar. */
export const encodeTarEntry = (entry: Omit<Entry, 'type'>): Uint8Array =>
  Buffer.concat(encodeEntry({ ...entry, type: 'file' }));

/** What stands after them. */
export const padTarEntry: (size: number) => Uint8Array = padding;

/** What ends a tar. */
export const TAR_END: Uint8Array = Buffer.alloc(2 * BLOCK);

function encodeFolder({ name, files, modified }: BundleFolder): Buffer {
  const path = name === '' ? '' : `${name}/`;
  const folder = { path, mode: FOLDER_MODE, type: 'folder', size: 0, modified } as const;
  return Buffer.concat([
    ...(path === '' ? [] : encodeEntry(folder)),
    ...files.flatMap(({ name: file, mode, content }) => [
      ...encodeEntry({ path: `${path}${file}`, mode, type: 'file', size: content.length, modified }),
      content,
      padding(content.length),
    ]),
  ]);
}

/**
 * Folders as a tar (POSIX ustar; pax where a path is over 100 octets), one after the other, of any
 * number: each is let go of when it is written. The same folders are the same octets. Names are ASCII.
 */
export async function* tarFolders(folders: AsyncIterable<BundleFolder>): AsyncGenerator<Uint8Array> {
  for await (const folder of folders) yield encodeFolder(folder);
  yield TAR_END;
}
