import { PkiError } from '../errors.ts';
import { TAG } from './reader.ts';
import { encodeElement } from './writer.ts';

const CONSTRUCTED = 0x20;
const CONSTRUCTED_OCTETS = TAG.octetString | CONSTRUCTED;
/** As `checkDer` has them. */
const MAX_DEPTH = 32;
const MAX_ELEMENTS = 4096;

function refuse(what: string, offset: number): never {
  throw new PkiError('bad-der', `The BER is malformed: ${what} at octet ${offset}.`, { facts: { offset } });
}

interface Header {
  readonly tag: number;
  /** Null: indefinite, up to an end-of-contents (X.690, 8.1.3.6). */
  readonly length: number | null;
  readonly contentStart: number;
}

function readHeader(bytes: Uint8Array, at: number, limit: number): Header {
  const [tag, first] = at + 1 < limit ? [bytes[at], bytes[at + 1]] : [];
  if (tag === undefined || first === undefined) return refuse('an element is cut off', at);
  if ((tag & 0x1f) === 0x1f) return refuse('a multi-octet tag', at);
  if (first < 0x80) return { tag, length: first, contentStart: at + 2 };
  if (first === 0x80) return { tag, length: null, contentStart: at + 2 };
  const octets = first & 0x7f;
  if (octets > 4 || at + 2 + octets > limit)
    return refuse('the length is cut off, or of over four octets', at);
  let length = 0;
  for (let i = 0; i < octets; i++) length = length * 256 + (bytes[at + 2 + i] as number);
  return { tag, length, contentStart: at + 2 + octets };
}

interface Rewritten {
  readonly der: Uint8Array;
  readonly end: number;
}

/** The pieces of a string in constructed form, each an OCTET STRING in DER, joined (X.690, 8.7.3). */
function joinPieces(pieces: readonly Uint8Array[], at: number): Uint8Array {
  const contents = pieces.map((piece) => {
    if (piece[0] !== TAG.octetString) return refuse('a piece of an OCTET STRING is none itself', at);
    const { contentStart } = readHeader(piece, 0, piece.length);
    return piece.subarray(contentStart);
  });
  return encodeElement(TAG.octetString, ...contents);
}

class Rewriter {
  readonly #bytes: Uint8Array;
  #elements = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  element(at: number, limit: number, depth: number): Rewritten {
    if (depth > MAX_DEPTH) return refuse(`nesting deeper than ${MAX_DEPTH}`, at);
    if (++this.#elements > MAX_ELEMENTS) return refuse('too many elements', at);
    const { tag, length, contentStart } = readHeader(this.#bytes, at, limit);
    const end = length === null ? null : contentStart + length;
    if (end !== null && end > limit) return refuse('an element reaches past the end', at);
    if ((tag & CONSTRUCTED) === 0) {
      if (end === null) return refuse('a primitive element of indefinite length', at);
      return { der: encodeElement(tag, this.#bytes.subarray(contentStart, end)), end };
    }
    const inner = this.#children(contentStart, end, limit, depth);
    const der = tag === CONSTRUCTED_OCTETS ? joinPieces(inner.parts, at) : encodeElement(tag, ...inner.parts);
    return { der, end: inner.end };
  }

  /** The elements inside one that ends at `end`, or at an end-of-contents. */
  #children(
    start: number,
    end: number | null,
    limit: number,
    depth: number,
  ): { readonly parts: readonly Uint8Array[]; readonly end: number } {
    const parts: Uint8Array[] = [];
    let at = start;
    for (;;) {
      if (at === end) return { parts, end };
      if (end === null && this.#bytes[at] === 0 && this.#bytes[at + 1] === 0 && at + 2 <= limit) {
        return { parts, end: at + 2 };
      }
      const child = this.element(at, end ?? limit, depth + 1);
      parts.push(child.der);
      at = child.end;
    }
  }
}

/**
 * Rewrites one BER element with the lengths of DER: those that are indefinite or padded, and OCTET STRINGs
 * in pieces. For structures that their standard leaves in BER (PKCS#12); what DER demands beyond that is
 * for `checkDer` to judge afterwards. Refuses `bad-der`: octets after it, or more depth or elements than
 * that takes.
 */
export function derFromBer(ber: Uint8Array): Uint8Array {
  const { der, end } = new Rewriter(ber).element(0, ber.length, 1);
  return end === ber.length ? der : refuse('there are octets after the structure', end);
}
