import { PkiError } from '../errors.ts';

/** Identifier octets that we meet (X.690, 8.1.2). */
export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  oid: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  teletexString: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  visibleString: 0x1a,
  universalString: 0x1c,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** The identifier octet of a context-specific tag, `[n]`. */
export const context = (n: number, form: 'primitive' | 'constructed'): number =>
  (form === 'constructed' ? 0xa0 : 0x80) | n;

/** One element: its identifier octet and where it lies in `bytes`. */
export interface Element {
  readonly tag: number;
  readonly bytes: Uint8Array;
  /** Offset of the identifier octet. */
  readonly start: number;
  /** Offset of the first content octet. */
  readonly contentStart: number;
  /** Offset after the last content octet. */
  readonly end: number;
}

/** The whole element, header included; a view, not a copy. */
export const elementBytes = (e: Element): Uint8Array => e.bytes.subarray(e.start, e.end);
/** The element's content octets; a view, not a copy. */
export const contentBytes = (e: Element): Uint8Array => e.bytes.subarray(e.contentStart, e.end);

function refuse(what: string, offset: number): never {
  throw new PkiError('bad-der', `The DER is malformed: ${what} at octet ${offset}.`, { facts: { offset } });
}

/** Reads the length octets at `at`: definite and minimal only (X.690, 10.1). */
function readLength(bytes: Uint8Array, at: number, limit: number): { length: number; next: number } {
  const first = at < limit ? bytes[at] : undefined;
  if (first === undefined) return refuse('the length is missing', at);
  if (first < 0x80) return { length: first, next: at + 1 };
  if (first === 0x80) return refuse('an indefinite length (BER) stands where DER is due', at);
  const octets = first & 0x7f;
  // Four octets already claim more than any input that gets this far can hold.
  if (octets > 4) return refuse('a length of more than four octets', at);
  if (at + 1 + octets > limit) return refuse('the length is cut off', at);
  let length = 0;
  for (let i = 1; i <= octets; i++) length = length * 256 + (bytes[at + i] ?? 0);
  if (length < 0x80 || length < 256 ** (octets - 1)) {
    return refuse('a length is not in its shortest form (BER) where DER is due', at);
  }
  return { length, next: at + 1 + octets };
}

/**
 * Reads the element that begins at `at`. Nothing may reach past `limit`.
 * Refuses with `bad-der`: multi-octet identifiers (no structure we read has them), indefinite or
 * padded lengths, lengths past the limit.
 */
export function readElement(bytes: Uint8Array, at = 0, limit = bytes.length): Element {
  const tag = at < limit ? bytes[at] : undefined;
  if (tag === undefined) return refuse('it ends where an element is due', at);
  if ((tag & 0x1f) === 0x1f) return refuse('a multi-octet tag', at);
  const { length, next } = readLength(bytes, at + 1, limit);
  if (next + length > limit) return refuse(`an element of ${length} octets reaches past the end`, at);
  return { tag, bytes, start: at, contentStart: next, end: next + length };
}

/**
 * Walks the elements of a constructed element in order. Whoever reads must say `end()`, so that
 * nothing that was not understood is ever skipped in silence.
 */
export class DerReader {
  readonly #bytes: Uint8Array;
  readonly #limit: number;
  #at: number;

  constructor(bytes: Uint8Array, start = 0, limit = bytes.length) {
    this.#bytes = bytes;
    this.#at = start;
    this.#limit = limit;
  }

  /** A reader over the content of an element. */
  static inside(element: Element): DerReader {
    return new DerReader(element.bytes, element.contentStart, element.end);
  }

  get atEnd(): boolean {
    return this.#at >= this.#limit;
  }

  /** The identifier octet that comes next; undefined at the end. */
  peek(): number | undefined {
    return this.atEnd ? undefined : this.#bytes[this.#at];
  }

  /** The next element, whatever it is. */
  any(): Element {
    const element = readElement(this.#bytes, this.#at, this.#limit);
    this.#at = element.end;
    return element;
  }

  /** The next element, which must carry `tag`; `what` names it in the refusal. */
  expect(tag: number, what: string): Element {
    const element = this.any();
    if (element.tag !== tag) {
      return refuse(`${what} has tag 0x${element.tag.toString(16).padStart(2, '0')}`, element.start);
    }
    return element;
  }

  /** The next element if it carries `tag`. */
  optional(tag: number): Element | undefined {
    return this.peek() === tag ? this.any() : undefined;
  }

  sequence(what: string): DerReader {
    return DerReader.inside(this.expect(TAG.sequence, what));
  }

  oid(what: string): string {
    return readOid(this.expect(TAG.oid, what));
  }

  /** INTEGER as its content octets, two's complement, checked to be minimal. */
  integer(what: string): Uint8Array {
    return readInteger(this.expect(TAG.integer, what));
  }

  /** Nothing may follow. */
  end(what: string): void {
    if (!this.atEnd) refuse(`${what} is followed by something that does not belong there`, this.#at);
  }
}

/** Content octets of an INTEGER; the shortest form is demanded (X.690, 8.3.2). */
export function readInteger(element: Element): Uint8Array {
  checkInteger(element);
  return contentBytes(element);
}

// The checks below look at the octets in place: they run for every element of every request, and a view
// for each would be most of what the reader allocates.
function checkInteger({ bytes, start, contentStart, end }: Element): void {
  if (contentStart === end) refuse('an empty INTEGER', start);
  if (end - contentStart < 2) return;
  const first = bytes[contentStart] as number;
  const second = bytes[contentStart + 1] as number;
  if ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80)) {
    refuse('an INTEGER is not in its shortest form', start);
  }
}

/** An INTEGER that must not be negative, as a bigint. */
export function readUnsigned(element: Element): bigint {
  const content = readInteger(element);
  if ((content[0] ?? 0) >= 0x80) return refuse('a negative INTEGER', element.start);
  return BigInt(`0x${Buffer.from(content).toString('hex')}`);
}

/** BOOLEAN: DER knows 0x00 and 0xff only (X.690, 11.1). */
export function readBoolean(element: Element): boolean {
  const value = element.bytes[element.contentStart];
  if (element.end !== element.contentStart + 1 || (value !== 0x00 && value !== 0xff)) {
    return refuse('a BOOLEAN is neither 00 nor FF', element.start);
  }
  return value === 0xff;
}

/** BIT STRING: content and number of unused bits, which must be zero bits (X.690, 11.2.1). */
export function readBitString(element: Element): { bits: Uint8Array; unused: number } {
  const unused = checkBitString(element);
  return { bits: element.bytes.subarray(element.contentStart + 1, element.end), unused };
}

/** The number of unused bits. */
function checkBitString({ bytes, start, contentStart, end }: Element): number {
  const unused = contentStart < end ? bytes[contentStart] : undefined;
  const bitsEmpty = contentStart + 1 >= end;
  if (unused === undefined || unused > 7 || (unused > 0 && bitsEmpty)) {
    return refuse('a BIT STRING has a wrong count of unused bits', start);
  }
  const last = bitsEmpty ? 0 : (bytes[end - 1] as number);
  if ((last & ((1 << unused) - 1)) !== 0) return refuse('a BIT STRING has unused bits that are set', start);
  return unused;
}

/** OBJECT IDENTIFIER in dotted form; sub-identifiers are minimal (X.690, 8.19.2) and fit 53 bits. */
export function readOid(element: Element): string {
  checkOid(element);
  const { bytes, contentStart, end } = element;
  let text = '';
  let value = 0;
  for (let at = contentStart; at < end; at++) {
    const octet = bytes[at] as number;
    value = value * 128 + (octet & 0x7f);
    if (octet >= 0x80) continue;
    text = text === '' ? firstArcs(value) : `${text}.${value}`;
    value = 0;
  }
  return text;
}

/** The first sub-identifier holds two arcs (X.690, 8.19.4). */
function firstArcs(value: number): string {
  const top = Math.min(2, Math.floor(value / 40));
  return `${top}.${value - top * 40}`;
}

function checkOid({ bytes, start, contentStart, end }: Element): void {
  const size = end - contentStart;
  if (size === 0 || size > 64) refuse('an OBJECT IDENTIFIER of odd size', start);
  let value = 0;
  let fresh = true;
  for (let at = contentStart; at < end; at++) {
    const octet = bytes[at] as number;
    if (fresh && octet === 0x80) refuse('an OBJECT IDENTIFIER is padded', start);
    value = value * 128 + (octet & 0x7f);
    if (value > Number.MAX_SAFE_INTEGER) refuse('an OBJECT IDENTIFIER arc is too large', start);
    fresh = octet < 0x80;
    if (fresh) value = 0;
  }
  if (!fresh) refuse('an OBJECT IDENTIFIER is cut off', start);
}

/** NULL: no content. */
export function readNull(element: Element): void {
  if (element.tag !== TAG.null || element.end !== element.contentStart) {
    refuse('a NULL is due', element.start);
  }
}

/** Deepest nesting that `checkDer` follows; real requests stay under 12. */
const MAX_DEPTH = 32;
/** Most elements that `checkDer` walks. */
const MAX_ELEMENTS = 4096;

/**
 * Checks that `bytes` are exactly one DER element, and that everything constructed in it is well
 * formed down to the leaves. Bounded in depth and count, so hostile nesting costs nothing.
 */
export function checkDer(bytes: Uint8Array): void {
  const outer = readElement(bytes);
  if (outer.end !== bytes.length) refuse('there are octets after the structure', outer.end);
  checkElement(outer, 1, { elements: 1 });
}

function checkElement(element: Element, depth: number, walked: { elements: number }): void {
  checkPrimitive(element);
  if ((element.tag & 0x20) === 0) return;
  if (depth > MAX_DEPTH) refuse(`nesting deeper than ${MAX_DEPTH}`, element.start);
  for (let at = element.contentStart; at < element.end; ) {
    const inner = readElement(element.bytes, at, element.end);
    if (++walked.elements > MAX_ELEMENTS) refuse('too many elements', at);
    checkElement(inner, depth + 1, walked);
    at = inner.end;
  }
}

/** The universal types whose DER form can be wrong without any structure being wrong. */
function checkPrimitive(element: Element): void {
  switch (element.tag) {
    case TAG.boolean:
      readBoolean(element);
      return;
    case TAG.integer:
      checkInteger(element);
      return;
    case TAG.bitString:
      checkBitString(element);
      return;
    case TAG.oid:
      checkOid(element);
      return;
    case TAG.null:
      readNull(element);
      return;
    default:
      // DER: strings are primitive (X.690, 10.2); SEQUENCE and SET are constructed.
      if (
        element.tag < 0x40 &&
        (element.tag & 0x20) !== 0 &&
        element.tag !== TAG.sequence &&
        element.tag !== TAG.set
      ) {
        refuse('a constructed string (BER) stands where DER is due', element.start);
      }
      if (element.tag === 0x10 || element.tag === 0x11) refuse('a primitive SEQUENCE or SET', element.start);
  }
}
