import { TAG } from './reader.ts';

/** How many octets the identifier and the definite, minimal length of an element take. */
export function headerSize(length: number): number {
  if (length < 0x80) return 2;
  let octets = 1;
  for (let rest = length; rest > 0xff; rest = Math.floor(rest / 256)) octets++;
  return 2 + octets;
}

/** Writes identifier and length at `at`; gives the offset of the content. */
export function writeHeader(into: Uint8Array, at: number, tag: number, length: number): number {
  into[at] = tag;
  const end = at + headerSize(length);
  if (length < 0x80) {
    into[at + 1] = length;
    return end;
  }
  into[at + 1] = 0x80 | (end - at - 2);
  for (let rest = length, i = end - 1; i > at + 1; i--) {
    into[i] = rest & 0xff;
    rest = Math.floor(rest / 256);
  }
  return end;
}

/** One element: identifier octet, definite minimal length, the parts one after the other. */
export function encodeElement(tag: number, ...parts: readonly Uint8Array[]): Uint8Array {
  let length = 0;
  for (const part of parts) length += part.length;
  const element = Buffer.allocUnsafe(headerSize(length) + length);
  let at = writeHeader(element, 0, tag, length);
  for (const part of parts) {
    element.set(part, at);
    at += part.length;
  }
  return element;
}

export const encodeSequence = (...parts: readonly Uint8Array[]): Uint8Array =>
  encodeElement(TAG.sequence, ...parts);

/** SET OF: DER orders the encodings as octet strings (X.690, 11.6). */
export const encodeSetOf = (...parts: readonly Uint8Array[]): Uint8Array =>
  encodeElement(TAG.set, ...[...parts].sort(Buffer.compare));

/** A non-negative INTEGER from big-endian magnitude octets; padded or shortened to DER's form. */
export function encodeUnsigned(magnitude: Uint8Array): Uint8Array {
  let at = 0;
  while (at < magnitude.length - 1 && magnitude[at] === 0) at++;
  const trimmed = magnitude.subarray(at);
  const sign = (trimmed[0] ?? 0x80) >= 0x80 ? Uint8Array.of(0) : new Uint8Array(0);
  return encodeElement(TAG.integer, sign, trimmed);
}

export const encodeSmallInteger = (value: number): Uint8Array => {
  const hex = value.toString(16);
  return encodeUnsigned(Buffer.from(hex.length % 2 ? `0${hex}` : hex, 'hex'));
};

/** BOOLEAN TRUE. The FALSE that we would write is always a DEFAULT, which DER leaves out. */
export const encodeTrue = (): Uint8Array => encodeElement(TAG.boolean, Uint8Array.of(0xff));

export const encodeNull = (): Uint8Array => encodeElement(TAG.null);

export const encodeOctetString = (content: Uint8Array): Uint8Array => encodeElement(TAG.octetString, content);

/** BIT STRING of whole octets. */
export const encodeBitString = (content: Uint8Array): Uint8Array =>
  encodeElement(TAG.bitString, Uint8Array.of(0), content);

/**
 * BIT STRING of named bits: `bits[i]` is the number of a bit that is set; trailing zero bits are
 * left out (X.690, 11.2.2).
 */
export function encodeNamedBits(bits: readonly number[]): Uint8Array {
  const last = Math.max(-1, ...bits);
  const octets = new Uint8Array(Math.floor(last / 8) + 1);
  for (const bit of bits) {
    const index = bit >> 3;
    octets[index] = (octets[index] ?? 0) | (0x80 >> (bit & 7));
  }
  const unused = last < 0 ? 0 : 7 - (last & 7);
  return encodeElement(TAG.bitString, Uint8Array.of(unused), octets);
}

function encodeArc(arc: number): number[] {
  const octets = [arc % 128];
  for (let rest = Math.floor(arc / 128); rest > 0; rest = Math.floor(rest / 128))
    octets.unshift((rest % 128) | 0x80);
  return octets;
}

/** OBJECT IDENTIFIER from its dotted form. */
export function encodeOid(dotted: string): Uint8Array {
  const [top = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  return encodeElement(TAG.oid, Uint8Array.from([top * 40 + second, ...rest].flatMap(encodeArc)));
}

export const encodeUtf8String = (text: string): Uint8Array =>
  encodeElement(TAG.utf8String, Buffer.from(text, 'utf8'));

export const encodePrintableString = (text: string): Uint8Array =>
  encodeElement(TAG.printableString, Buffer.from(text, 'latin1'));
