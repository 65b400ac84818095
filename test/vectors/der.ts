/**
 * A DER writer that also writes wrong DER when asked to. It shares no line with `src/asn1`, so that
 * a fault there cannot hide in the vectors.
 */

/** The shortest length octets (X.690, 10.1). */
function lengthOctets(length: number): Buffer {
  if (length < 0x80) return Buffer.of(length);
  const octets = unsignedOctets(BigInt(length));
  return Buffer.concat([Buffer.of(0x80 | octets.length), octets]);
}

/** One element in definite form. */
export function tlv(tag: number, ...content: readonly Uint8Array[]): Buffer {
  const body = Buffer.concat(content);
  return Buffer.concat([Buffer.of(tag), lengthOctets(body.length), body]);
}

/** WRONG on purpose: an element whose length octets are given, true or not. */
export const tlvWithLength = (tag: number, length: Uint8Array, ...content: readonly Uint8Array[]): Buffer =>
  Buffer.concat([Buffer.of(tag), length, ...content]);

/** WRONG on purpose: BER's indefinite form (X.690, 8.1.3.6). */
export const indefinite = (tag: number, ...content: readonly Uint8Array[]): Buffer =>
  Buffer.concat([Buffer.of(tag, 0x80), ...content, Buffer.of(0, 0)]);

export const hex = (text: string): Buffer => Buffer.from(text.replace(/\s/g, ''), 'hex');

/** Octets of a non-negative number, most significant first, padded in front to `size`. */
export function unsignedOctets(value: bigint, size = 0): Buffer {
  const digits = value.toString(16);
  const octets = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, 'hex');
  return octets.length >= size ? octets : Buffer.concat([Buffer.alloc(size - octets.length), octets]);
}

export const toNumber = (octets: Uint8Array): bigint =>
  BigInt(`0x${Buffer.from(octets).toString('hex') || '0'}`);

/** INTEGER of a non-negative number. */
export function integer(value: bigint): Buffer {
  const octets = unsignedOctets(value);
  return (octets[0] ?? 0) < 0x80 ? tlv(0x02, octets) : tlv(0x02, Buffer.of(0), octets);
}

export const seq = (...content: readonly Uint8Array[]): Buffer => tlv(0x30, ...content);
/** SET in the order given. */
export const set = (...content: readonly Uint8Array[]): Buffer => tlv(0x31, ...content);
/** SET OF: the encodings ascend (X.690, 11.6). */
export const setOf = (...content: readonly Uint8Array[]): Buffer => set(...[...content].sort(Buffer.compare));
export const bits = (content: Uint8Array, unused = 0): Buffer => tlv(0x03, Buffer.of(unused), content);
export const octets = (...content: readonly Uint8Array[]): Buffer => tlv(0x04, ...content);
export const nothing = (): Buffer => tlv(0x05);
export const truth = (): Buffer => tlv(0x01, Buffer.of(0xff));
export const utf8 = (text: string): Buffer => tlv(0x0c, Buffer.from(text, 'utf8'));
export const printable = (text: string): Buffer => tlv(0x13, Buffer.from(text, 'latin1'));
export const ia5 = (text: string): Buffer => tlv(0x16, Buffer.from(text, 'latin1'));
/** `[n]`, primitive. */
export const field = (n: number, content: Uint8Array): Buffer => tlv(0x80 | n, content);
/** `[n]`, constructed. */
export const group = (n: number, ...content: readonly Uint8Array[]): Buffer => tlv(0xa0 | n, ...content);

function arc(value: number): number[] {
  const digits = [value % 128];
  for (let rest = Math.floor(value / 128); rest > 0; rest = Math.floor(rest / 128))
    digits.unshift(128 + (rest % 128));
  return digits;
}

/** OBJECT IDENTIFIER from its dotted form. */
export function oid(dotted: string): Buffer {
  const [top = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return tlv(0x06, Buffer.from([top * 40 + second, ...rest].flatMap(arc)));
}

/** Text armour with lines of 64 characters (RFC 7468, section 2). */
export function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
