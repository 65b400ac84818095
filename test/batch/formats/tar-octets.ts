/** Tars made by hand, good and bad. */
const BLOCK = 512;

export interface TarEntry {
  readonly name: string | Uint8Array;
  readonly content?: string | Uint8Array;
  /** `0` is a file. */
  readonly type?: string;
  /** What the header says; the content's length without it. */
  readonly size?: number | string;
  readonly magic?: string;
  readonly prefix?: string;
  /** Changes the checksum that is written. */
  readonly off?: number;
}

const pad = (octets: Uint8Array): Buffer =>
  Buffer.concat([octets, Buffer.alloc((BLOCK - (octets.length % BLOCK)) % BLOCK)]);

export function entry({
  name,
  content = '',
  type = '0',
  size,
  magic = 'ustar\x0000',
  prefix = '',
  off = 0,
}: TarEntry): Buffer {
  const octets = Buffer.from(content as string);
  const header = Buffer.alloc(BLOCK);
  Buffer.from(name as string).copy(header, 0, 0, 100);
  const said = size ?? octets.length;
  header.write('0000600\0', 100);
  header.write(typeof said === 'string' ? said : `${said.toString(8).padStart(11, '0')}\0`, 124, 'latin1');
  header.write('00000000000\0', 136);
  header.write(type, 156, 'latin1');
  header.write(magic, 257, 'latin1');
  header.write(prefix, 345);
  header.fill(' ', 148, 156);
  const sum = header.reduce((total, octet) => total + octet, 0) + off;
  header.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148);
  return Buffer.concat([header, pad(octets)]);
}

export const END = Buffer.alloc(2 * BLOCK);

/** A whole tar of entries. */
export const tarOf = (...entries: readonly TarEntry[]): Buffer => Buffer.concat([...entries.map(entry), END]);

/** A record of an extended header. */
export function pax(name: string, value: string): string {
  const rest = ` ${name}=${value}\n`;
  for (let length = rest.length + 1; ; length++) {
    if (String(length).length + Buffer.byteLength(rest) === length) return `${length}${rest}`;
  }
}
