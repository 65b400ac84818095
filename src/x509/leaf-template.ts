import {
  contentBytes,
  context,
  DerReader,
  elementBytes,
  encodeElement,
  encodeOid,
  encodeSequence,
  encodeSmallInteger,
  encodeTime,
  headerSize,
  OID,
  readTime,
  TAG,
  writeHeader,
} from '../asn1/index.ts';
import type { SignatureAlgorithm } from './algorithms.ts';
import { type Extension, encodeExtensions } from './extensions.ts';
import { encodeName, type SubjectAttribute } from './name.ts';
import { encodeSignatureAlgorithm } from './signature.ts';

/** What all leaves of one issuer and profile have in common. */
export interface LeafFrame {
  readonly algorithm: SignatureAlgorithm;
  /** Name, DER. */
  readonly issuer: Uint8Array;
  /** Attributes after the common name. */
  readonly subjectTail: readonly SubjectAttribute[];
  /** Extensions before subjectKeyIdentifier, and after it. */
  readonly before: readonly Extension[];
  readonly after: readonly Extension[];
}

/** What is a leaf's own. */
export interface LeafFields {
  /** 16 octets of a positive number, the first not zero. */
  readonly serial: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly commonName: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  /** 20 octets. */
  readonly keyIdentifier: Uint8Array;
}

/** A tbsCertificate as a DER skeleton into which a leaf's own fields are written. */
export interface LeafTemplate {
  /** The octets that `encodeTbs` gives for the same content. */
  encode(fields: LeafFields): Uint8Array;
  /**
   * Reads octets back with the strict reader, apart from how they were written: every fixed part must
   * be the skeleton's, every other must say what the fields say. True if it is exactly that leaf.
   */
  matches(tbs: Uint8Array, fields: LeafFields): boolean;
}

const SERIAL_OCTETS = 16;
const KEY_ID_OCTETS = 20;
const VERSION_3 = encodeElement(context(0, 'constructed'), encodeSmallInteger(2));
const CN_TYPE = encodeOid(OID.commonName);

const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

/** The extensions around the key identifier, split where it stands. */
function splitExtensions({ before, after }: LeafFrame): {
  readonly head: Uint8Array;
  readonly tail: Uint8Array;
} {
  const blank = new Uint8Array(KEY_ID_OCTETS);
  const value = encodeElement(TAG.octetString, blank);
  const list = [...before, { oid: OID.subjectKeyIdentifier, critical: false, value }, ...after];
  const whole = encodeElement(context(3, 'constructed'), encodeExtensions(list));
  const tailOctets = contentOf(encodeExtensions(after)).length;
  const at = whole.length - tailOctets - KEY_ID_OCTETS;
  return { head: whole.subarray(0, at), tail: whole.subarray(at + KEY_ID_OCTETS) };
}

const contentOf = (sequence: Uint8Array): Uint8Array => contentBytes(new DerReader(sequence).any());

const cnSize = (octets: number): { readonly value: number; readonly pair: number; readonly set: number } => {
  const value = headerSize(octets) + octets;
  const pair = headerSize(CN_TYPE.length + value) + CN_TYPE.length + value;
  return { value, pair, set: headerSize(pair) + pair };
};

class Cursor {
  readonly octets: Uint8Array;
  at = 0;

  constructor(size: number) {
    this.octets = Buffer.allocUnsafe(size);
  }

  put(part: Uint8Array): void {
    this.octets.set(part, this.at);
    this.at += part.length;
  }

  header(tag: number, length: number): void {
    this.at = writeHeader(this.octets, this.at, tag, length);
  }
}

/** The same few dates stand in every leaf of a chunk: those read last are not read again. */
function readValidity(): (der: Uint8Array) => { readonly from: number; readonly to: number } {
  let last: { readonly from: number; readonly to: number; readonly der: Uint8Array } | undefined;
  return (der) => {
    if (last && equal(last.der, der)) return last;
    const reader = new DerReader(der).sequence('the validity');
    const from = readTime(reader.any()).getTime();
    const to = readTime(reader.any()).getTime();
    reader.end('the validity');
    last = { from, to, der: Uint8Array.from(der) };
    return last;
  };
}

/** The same few dates stand in every leaf of a chunk. */
function encodeValidity(): (notBefore: Date, notAfter: Date) => Uint8Array {
  let last: { readonly from: number; readonly to: number; readonly der: Uint8Array } | undefined;
  return (notBefore, notAfter) => {
    const from = notBefore.getTime();
    const to = notAfter.getTime();
    if (last?.from !== from || last.to !== to) {
      last = { from, to, der: encodeSequence(encodeTime(notBefore), encodeTime(notAfter)) };
    }
    return last.der;
  };
}

function checkFields({ serial, keyIdentifier }: LeafFields): void {
  const first = serial[0] ?? 0;
  if (serial.length !== SERIAL_OCTETS || first === 0 || first >= 0x80) {
    throw new Error('a leaf has a serial of 16 octets, positive, the first not zero');
  }
  if (keyIdentifier.length !== KEY_ID_OCTETS) throw new Error('a key identifier has 20 octets');
}

/**
 * Makes the skeleton for leaves of one issuer and profile. It is an abbreviation of `encodeTbs` and
 * nothing more: a property test holds both to the same octets.
 */
export function makeLeafTemplate(frame: LeafFrame): LeafTemplate {
  const algorithm = encodeSignatureAlgorithm(frame.algorithm);
  const subjectTail = contentOf(encodeName(frame.subjectTail));
  const { head, tail } = splitExtensions(frame);
  const validityOf = encodeValidity();
  const validityIn = readValidity();

  function encode(fields: LeafFields): Uint8Array {
    checkFields(fields);
    const cn = Buffer.from(fields.commonName, 'utf8');
    const size = cnSize(cn.length);
    const subject = size.set + subjectTail.length;
    const validity = validityOf(fields.notBefore, fields.notAfter);
    const length =
      VERSION_3.length +
      2 +
      SERIAL_OCTETS +
      algorithm.length +
      frame.issuer.length +
      validity.length +
      headerSize(subject) +
      subject +
      fields.publicKey.length +
      head.length +
      KEY_ID_OCTETS +
      tail.length;
    const out = new Cursor(headerSize(length) + length);
    out.header(TAG.sequence, length);
    out.put(VERSION_3);
    out.header(TAG.integer, SERIAL_OCTETS);
    out.put(fields.serial);
    out.put(algorithm);
    out.put(frame.issuer);
    out.put(validity);
    out.header(TAG.sequence, subject);
    out.header(TAG.set, size.pair);
    out.header(TAG.sequence, CN_TYPE.length + size.value);
    out.put(CN_TYPE);
    out.header(TAG.utf8String, cn.length);
    out.put(cn);
    out.put(subjectTail);
    out.put(fields.publicKey);
    out.put(head);
    out.put(fields.keyIdentifier);
    out.put(tail);
    return out.octets;
  }

  function subjectMatches(reader: DerReader, commonName: string): boolean {
    const name = reader.expect(TAG.sequence, 'the subject');
    const subject = DerReader.inside(name);
    const rdn = subject.expect(TAG.set, 'the first RDN');
    const pair = DerReader.inside(DerReader.inside(rdn).expect(TAG.sequence, 'the first attribute'));
    const type = elementBytes(pair.any());
    const value = pair.expect(TAG.utf8String, 'the common name');
    pair.end('the common name');
    const cn = Buffer.from(contentBytes(value)).toString('utf8');
    return (
      equal(type, CN_TYPE) && cn === commonName && equal(name.bytes.subarray(rdn.end, name.end), subjectTail)
    );
  }

  function matches(tbs: Uint8Array, fields: LeafFields): boolean {
    const outer = new DerReader(tbs);
    const reader = outer.sequence('the certificate');
    outer.end('the certificate');
    const fixed = (octets: Uint8Array): boolean => equal(elementBytes(reader.any()), octets);
    const head1 =
      fixed(VERSION_3) &&
      equal(contentBytes(reader.expect(TAG.integer, 'the serial')), fields.serial) &&
      fixed(algorithm) &&
      fixed(frame.issuer);
    const { from, to } = validityIn(elementBytes(reader.expect(TAG.sequence, 'the validity')));
    const dates = from === fields.notBefore.getTime() && to === fields.notAfter.getTime();
    const named = subjectMatches(reader, fields.commonName);
    const keyed = fixed(fields.publicKey);
    const extensions = elementBytes(reader.any());
    reader.end('the extensions');
    const id = extensions.length - tail.length - KEY_ID_OCTETS;
    return (
      head1 &&
      dates &&
      named &&
      keyed &&
      extensions.length === head.length + KEY_ID_OCTETS + tail.length &&
      equal(extensions.subarray(0, head.length), head) &&
      equal(extensions.subarray(id, id + KEY_ID_OCTETS), fields.keyIdentifier) &&
      equal(extensions.subarray(id + KEY_ID_OCTETS), tail)
    );
  }

  return { encode, matches };
}
