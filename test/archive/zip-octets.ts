/** Zips made by hand, good and bad: every field of every header can be set. */
import { crc32, deflateRawSync } from 'node:zlib';
import type { RandomAccess } from '../../src/archive/index.ts';

export interface ZipEntry {
  readonly name: string | Uint8Array;
  readonly content?: string | Uint8Array;
  readonly stored?: boolean;
  /** What the headers say instead of what is so. */
  readonly said?: Readonly<
    Partial<Record<'method' | 'flags' | 'crc' | 'compressed' | 'size' | 'attributes' | 'offset', number>>
  >;
  /** The same in the local header alone. */
  readonly saidLocally?: Readonly<Partial<Record<'flags' | 'crc' | 'compressed' | 'size', number>>>;
  /** The name in the local header alone. */
  readonly localName?: string;
  /** Of the local header alone. */
  readonly localExtra?: Uint8Array;
}

const fields = (...parts: readonly (readonly [number, 2 | 4])[]): Buffer =>
  Buffer.concat(
    parts.map(([value, width]) => {
      const octets = Buffer.alloc(width);
      octets.writeUIntLE(value, 0, width);
      return octets;
    }),
  );

interface Made {
  readonly local: Buffer;
  readonly central: (offset: number) => Buffer;
}

function make({
  name,
  content = '',
  stored = false,
  said = {},
  saidLocally = {},
  localName,
  localExtra = Buffer.alloc(0),
}: ZipEntry): Made {
  const octets = Buffer.from(content as string);
  const data = stored ? octets : deflateRawSync(octets);
  const named = Buffer.from(name as string);
  const localNamed = localName === undefined ? named : Buffer.from(localName);
  const { method = stored ? 0 : 8, flags = 0x800, crc = crc32(octets), attributes = 0 } = said;
  const { compressed = data.length, size = octets.length } = said;
  const all = { flags, crc, compressed, size };
  const common = (one: typeof all) =>
    [
      [20, 2],
      [one.flags, 2],
      [method, 2],
      [0, 2],
      [0x21, 2],
      [one.crc, 4],
      [one.compressed, 4],
      [one.size, 4],
    ] as const;
  const lengths = (count: number, extra: number) =>
    [
      [count, 2],
      [extra, 2],
    ] as const;
  const local = Buffer.concat([
    fields(
      [0x04034b50, 4],
      ...common({ ...all, ...saidLocally }),
      ...lengths(localNamed.length, localExtra.length),
    ),
    localNamed,
    localExtra,
    data,
  ]);
  const central = (offset: number): Buffer =>
    Buffer.concat([
      fields([0x02014b50, 4], [20, 2], ...common(all), ...lengths(named.length, 0)),
      fields([0, 2], [0, 2], [0, 2], [attributes, 4], [said.offset ?? offset, 4]),
      named,
    ]);
  return { local, central };
}

export interface ZipWish {
  /** Entries that the end of the directory claims. */
  readonly count?: number;
}

export function zipOf(entries: readonly ZipEntry[], { count = entries.length }: ZipWish = {}): Buffer {
  const made = entries.map(make);
  let offset = 0;
  const centrals = made.map(({ local, central }) => {
    const octets = central(offset);
    offset += local.length;
    return octets;
  });
  const directory = Buffer.concat(centrals);
  const end = fields(
    [0x06054b50, 4],
    [0, 2],
    [0, 2],
    [count, 2],
    [count, 2],
    [directory.length, 4],
    [offset, 4],
    [0, 2],
  );
  return Buffer.concat([...made.map(({ local }) => local), directory, end]);
}

/** Octets as a file; `reads` counts how often it was asked. */
export function fileOf(octets: Uint8Array): RandomAccess & { readonly reads: () => number } {
  let reads = 0;
  return {
    size: octets.length,
    read: async (at, count) => {
      reads++;
      return octets.subarray(at, at + count);
    },
    reads: () => reads,
  };
}
