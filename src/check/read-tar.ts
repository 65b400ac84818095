import {
  BLOCK,
  badTar,
  decodePath,
  type ExtendedFields,
  gunzipWhole,
  pathFault,
  readExtended,
  readTarHeader,
  type TarHeader,
  upToNul,
} from '../archive/index.ts';
import { PkiError } from '../errors.ts';
import { BUNDLE_LIMITS, type BundleLimits, type GivenFile } from './given-file.ts';

interface Entry extends TarHeader {
  readonly content: Uint8Array;
}

const isZero = (octets: Uint8Array): boolean => octets.every((octet) => octet === 0);

/** Headers with what follows them, up to the archive's end. `sizeOf`: what a header before said of it. */
function* blocksOf(octets: Uint8Array, sizeOf: (header: TarHeader) => number): Generator<Entry> {
  for (let at = 0; ; ) {
    const block = octets.subarray(at, at + BLOCK);
    if (block.length < BLOCK) throw badTar('is cut off');
    if (isZero(block)) return;
    const header = readTarHeader(block);
    const size = sizeOf(header);
    const content = octets.subarray(at + BLOCK, at + BLOCK + size);
    if (content.length < size) throw badTar('is cut off');
    at += BLOCK + Math.ceil(size / BLOCK) * BLOCK;
    yield { ...header, size, content };
  }
}

const SAY_OF_THE_NEXT: ReadonlySet<TarHeader['kind']> = new Set(['long-name', 'extended', 'passed-over']);

/** What a header says of the entry after it (pax, GNU). */
function saidBy({ kind, content }: Entry): ExtendedFields {
  if (kind === 'long-name') return { path: upToNul(content) };
  return kind === 'extended' ? readExtended(content) : {};
}

/** The entries that are ones by themselves, with what was said of them before. */
function* entriesOf(octets: Uint8Array): Generator<Entry> {
  let said: ExtendedFields = {};
  const sizeOf = ({ kind, size }: TarHeader): number =>
    SAY_OF_THE_NEXT.has(kind) ? size : (said.size ?? size);
  for (const entry of blocksOf(octets, sizeOf)) {
    if (SAY_OF_THE_NEXT.has(entry.kind)) {
      said = { ...said, ...saidBy(entry) };
      continue;
    }
    yield { ...entry, path: said.path === undefined ? entry.path : decodePath(said.path) };
    said = {};
  }
}

const isGzip = ([first, second]: Uint8Array): boolean => first === 0x1f && second === 0x8b;

function verifyFits({ kind, size, path }: Entry, count: number, limits: BundleLimits): string {
  if (kind !== 'file') throw badTar('has a link or a device, which a bundle does not have');
  const fault = pathFault(path);
  if (path === null || fault !== undefined) throw badTar(`has an entry whose path ${fault}`);
  if (size > limits.fileOctets || count > limits.files)
    throw new PkiError(
      'too-large',
      `A bundle has at most ${limits.files} files of at most ${limits.fileOctets} octets.`,
    );
  return path;
}

function readFiles(octets: Uint8Array, limits: BundleLimits): readonly GivenFile[] {
  const files: GivenFile[] = [];
  for (const entry of entriesOf(octets)) {
    if (entry.kind === 'folder') continue;
    const path = verifyFits(entry, files.length + 1, limits).replace(/^(?:\.\/)+/, '');
    files.push({ path, mode: entry.mode, content: entry.content });
  }
  return files;
}

/**
 * The files of a tar or tar.gz (POSIX, pax, GNU). Refuses `bad-request` what is none, is damaged, holds links or
 * leads out of itself; `too-large`.
 */
export function readTarBundle(
  octets: Uint8Array,
  limits: BundleLimits = BUNDLE_LIMITS,
): readonly GivenFile[] {
  // Each file has its header and its padding, and the archive its end.
  const most = limits.octets + (2 * limits.files + 20) * BLOCK;
  const plain = isGzip(octets) ? gunzipWhole(octets, most) : octets;
  if (plain.length > most)
    throw new PkiError('too-large', `A bundle has at most ${limits.octets} octets, unpacked.`);
  try {
    return readFiles(plain, limits);
  } catch (refusal) {
    if (refusal instanceof PkiError && refusal.code === 'bad-lot')
      throw new PkiError('bad-request', refusal.message, { cause: refusal });
    throw refusal;
  }
}

/** Whether octets are a tar or a tar.gz, by what they begin with. */
export const isTar = (octets: Uint8Array): boolean =>
  isGzip(octets) || Buffer.from(octets.subarray(257, 262)).toString('latin1') === 'ustar';
