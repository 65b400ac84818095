import { PkiError } from '../errors.ts';
import { decodePath } from './entry-path.ts';

export const BLOCK = 512;

/** What an entry is: a file, a folder, octets that belong to the next entry, or what is not taken. */
export type TarKind =
  | 'file'
  | 'folder'
  | 'long-name'
  | 'extended'
  | 'passed-over'
  | 'link'
  | 'device'
  | 'unknown';

export interface TarHeader {
  readonly kind: TarKind;
  /** Octets that follow, without their padding. */
  readonly size: number;
  /** Permissions (0o600); null where they cannot be read. */
  readonly mode: number | null;
  /** null where it is not UTF-8. */
  readonly path: string | null;
}

const CHECKSUM_AT = 148;
const CHECKSUM_LENGTH = 8;

/** By the type flag (POSIX.1-2017, pax; GNU tar, `tar.h`). */
const KINDS: Readonly<Record<string, TarKind>> = {
  '\0': 'file',
  '0': 'file',
  '1': 'link',
  '2': 'link',
  '3': 'device',
  '4': 'device',
  '5': 'folder',
  '6': 'device',
  '7': 'file',
  L: 'long-name',
  K: 'passed-over',
  g: 'passed-over',
  x: 'extended',
};

export const badTar = (what: string): PkiError => new PkiError('bad-lot', `The tar ${what}.`);

export const upToNul = (octets: Uint8Array): Uint8Array => {
  const end = octets.indexOf(0);
  return end === -1 ? octets : octets.subarray(0, end);
};

/** A number: octal digits between spaces and NULs, or base 256 where the first bit is set. */
function readNumber(octets: Uint8Array): number {
  if ((octets[0] ?? 0) >= 0x80) {
    const value = octets.subarray(1).reduce((sum, octet) => sum * 256 + octet, (octets[0] ?? 0) & 0x7f);
    if (Number.isSafeInteger(value)) return value;
    throw badTar('has a size that cannot be');
  }
  const text = Buffer.from(octets).toString('latin1');
  const digits = /^ *([0-7]*)[ \0]*$/.exec(text)?.[1];
  if (digits === undefined) throw badTar('has a header that cannot be read');
  return digits === '' ? 0 : Number.parseInt(digits, 8);
}

function verifyChecksum(block: Uint8Array): void {
  let sum = CHECKSUM_LENGTH * 0x20;
  for (let i = 0; i < BLOCK; i++) {
    if (i < CHECKSUM_AT || i >= CHECKSUM_AT + CHECKSUM_LENGTH) sum += block[i] ?? 0;
  }
  if (sum !== readNumber(block.subarray(CHECKSUM_AT, CHECKSUM_AT + CHECKSUM_LENGTH))) {
    throw badTar('has a header whose checksum does not fit: it is no tar, or is damaged');
  }
}

/** The path with the prefix of the POSIX form; GNU's own form keeps other things in that place. */
function readPath(block: Uint8Array): string | null {
  const name = upToNul(block.subarray(0, 100));
  const isPosix = Buffer.from(block.subarray(257, 263)).toString('latin1') === 'ustar\0';
  const prefix = isPosix ? upToNul(block.subarray(345, 500)) : new Uint8Array(0);
  return decodePath(prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]));
}

/** Nothing depends on it but a warning, so what is odd here spoils no archive. */
function readMode(octets: Uint8Array): number | null {
  const digits = /^ *([0-7]+)[ \0]*$/.exec(Buffer.from(octets).toString('latin1'))?.[1];
  return digits === undefined ? null : Number.parseInt(digits, 8) & 0o777;
}

/** Reads a header block. Refuses `bad-lot`. */
export function readTarHeader(block: Uint8Array): TarHeader {
  verifyChecksum(block);
  const kind = KINDS[String.fromCharCode(block[156] ?? 0)] ?? 'unknown';
  const path = readPath(block);
  // Old tars have no type for folders, only the slash.
  const isFolder = kind === 'file' && path?.endsWith('/') === true;
  return {
    kind: isFolder ? 'folder' : kind,
    size: readNumber(block.subarray(124, 136)),
    mode: readMode(block.subarray(100, 108)),
    path,
  };
}

export interface ExtendedFields {
  /** As it stands; undefined where the header does not say. */
  readonly path?: Uint8Array;
  readonly size?: number;
}

const SPACE = 0x20;
const EQUALS = 0x3d;
const LINE_FEED = 0x0a;

/** One record `length name=value\n` at an offset: the name, the value, and where the next begins. */
function readRecord(octets: Uint8Array, from: number): { name: string; value: Uint8Array; end: number } {
  const space = octets.indexOf(SPACE, from);
  const digits = Buffer.from(octets.subarray(from, Math.max(space, from))).toString('latin1');
  const end = /^[1-9][0-9]{0,8}$/.test(digits) ? from + Number(digits) : 0;
  const equals = octets.indexOf(EQUALS, space);
  if (equals === -1 || end > octets.length || equals >= end || octets[end - 1] !== LINE_FEED) {
    throw badTar('has an extended header that cannot be read');
  }
  const name = Buffer.from(octets.subarray(space + 1, equals)).toString('latin1');
  return { name, value: octets.subarray(equals + 1, end - 1), end };
}

function readSize(value: Uint8Array): number {
  const digits = Buffer.from(value).toString('latin1');
  const size = /^[0-9]{1,16}$/.test(digits) ? Number(digits) : Number.NaN;
  if (Number.isSafeInteger(size)) return size;
  throw badTar('has a size that cannot be');
}

/**
 * What an extended header (POSIX pax) says of the next entry. Refuses `bad-lot`, also for a sparse file:
 * its octets are not those of the file.
 */
export function readExtended(octets: Uint8Array): ExtendedFields {
  let fields: ExtendedFields = {};
  for (let at = 0; at < octets.length; ) {
    const { name, value, end } = readRecord(octets, at);
    if (name.startsWith('GNU.sparse')) throw badTar('has a sparse file, which is not taken');
    if (name === 'path') fields = { ...fields, path: value };
    if (name === 'size') fields = { ...fields, size: readSize(value) };
    at = end;
  }
  return fields;
}
