import { createPrivateKey, type KeyObject, timingSafeEqual, X509Certificate } from 'node:crypto';
import {
  checkDer,
  contentBytes,
  context,
  DerReader,
  derFromBer,
  type Element,
  elementBytes,
  OID,
  oidName,
  readElement,
  TAG,
} from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import type { Pkcs12Contents } from './pkcs12.ts';
import { badPkcs12, type Passphrase, passphraseForms, readMac, readScheme, Work } from './pkcs12-schemes.ts';

/** What a PKCS#12 file held, and what it was protected with. */
export interface OpenedPkcs12 extends Pkcs12Contents {
  /** By name, each once: `hmac-sha1`, `pbe-sha1-3des`, `pbe-sha1-rc2-40`, `no-mac`, … */
  readonly schemes: readonly string[];
}

/** A key and a chain have some 10 kB, and a trust store of all public CAs 200. */
const MAX_OCTETS = 1024 * 1024;
/** A trust store of all public CAs has 150. */
const MAX_BAGS = 1024;
const MAX_SAFES = 16;

const refuse = (message: string): never => {
  throw badPkcs12(message);
};

/** A structure that may be in BER (RFC 7292, 4), as its reader. */
function open(ber: Uint8Array): DerReader {
  const der = derFromBer(ber);
  checkDer(der);
  return new DerReader(der);
}

interface Opening {
  readonly work: Work;
  readonly schemes: Set<string>;
  readonly passphrase: Passphrase;
}

const wrongPassphrase = (): never =>
  refuse('The PKCS#12 file does not open: its passphrase is another one, or the file is damaged.');

function decrypt(opening: Opening, algorithm: DerReader, encrypted: Uint8Array): Uint8Array {
  const scheme = readScheme(algorithm);
  opening.schemes.add(scheme.name);
  return scheme.decrypt(opening.passphrase, opening.work, encrypted) ?? wrongPassphrase();
}

/** The content of a ContentInfo of type data, octets. */
function readData(reader: DerReader): Uint8Array {
  const wrapped = DerReader.inside(reader.expect(context(0, 'constructed'), 'the content'));
  const octets = contentBytes(wrapped.expect(TAG.octetString, 'the content'));
  wrapped.end('the content');
  return octets;
}

/** `[0] IMPLICIT OCTET STRING`; in BER it may be in pieces. */
function readImplicitOctets(element: Element): Uint8Array {
  if (element.tag === context(0, 'primitive')) return contentBytes(element);
  if (element.tag !== context(0, 'constructed'))
    return refuse('The PKCS#12 file has a safe without content.');
  const pieces: Uint8Array[] = [];
  for (const reader = DerReader.inside(element); !reader.atEnd; ) {
    pieces.push(contentBytes(reader.expect(TAG.octetString, 'a piece of the content')));
  }
  return Buffer.concat(pieces);
}

function readEncryptedData(opening: Opening, reader: DerReader): Uint8Array {
  const wrapped = DerReader.inside(reader.expect(context(0, 'constructed'), 'the encrypted data'));
  const data = wrapped.sequence('the encrypted data');
  wrapped.end('the encrypted data');
  if (data.integer('the version')[0] !== 0)
    refuse('The PKCS#12 file has encrypted data of another version than 0.');
  const content = data.sequence('the encrypted content');
  data.end('the encrypted data');
  if (content.oid('the type of the content') !== OID.data)
    refuse('The PKCS#12 file encrypts something else than data.');
  const algorithm = content.sequence('the encryption');
  const encrypted = readImplicitOctets(content.any());
  content.end('the encrypted content');
  return decrypt(opening, algorithm, encrypted);
}

/** The octets of a safe. */
function readSafe(opening: Opening, safe: DerReader): Uint8Array {
  const type = safe.oid('the type of a safe');
  if (type !== OID.data && type !== OID.encryptedData) {
    refuse(`The PKCS#12 file has a safe that no passphrase opens: ${oidName(type)}.`);
  }
  const octets = type === OID.data ? readData(safe) : readEncryptedData(opening, safe);
  safe.end('a safe');
  return octets;
}

interface Bag {
  readonly kind: 'key' | 'certificate';
  readonly der: Uint8Array;
  readonly friendlyName: string | null;
  readonly localKeyId: Uint8Array | null;
}

function readAttributes(set: Element | undefined): Pick<Bag, 'friendlyName' | 'localKeyId'> {
  let friendlyName: string | null = null;
  let localKeyId: Uint8Array | null = null;
  const attributes = set && DerReader.inside(set);
  while (attributes?.atEnd === false) {
    const attribute = attributes.sequence('an attribute');
    const type = attribute.oid('the type of an attribute');
    const values = DerReader.inside(attribute.expect(TAG.set, 'the values of an attribute'));
    attribute.end('an attribute');
    if (type === OID.friendlyName) {
      const text = Buffer.from(contentBytes(values.expect(TAG.bmpString, 'the friendly name')));
      if (text.length % 2 !== 0) refuse('The PKCS#12 file has a friendly name of half a character.');
      friendlyName = text.swap16().toString('utf16le');
    }
    if (type === OID.localKeyId)
      localKeyId = contentBytes(values.expect(TAG.octetString, 'the local key ID'));
  }
  return { friendlyName, localKeyId };
}

/** PKCS#8 from EncryptedPrivateKeyInfo. */
function unshroud(opening: Opening, value: Element): Uint8Array {
  const info = DerReader.inside(value);
  const algorithm = info.sequence('the encryption of the key');
  const encrypted = contentBytes(info.expect(TAG.octetString, 'the encrypted key'));
  info.end('the encrypted key');
  return decrypt(opening, algorithm, encrypted);
}

function readCertificate(value: Element): Uint8Array {
  const bag = DerReader.inside(value);
  const type = bag.oid('the type of a certificate');
  if (type !== OID.x509Certificate)
    refuse(`The PKCS#12 file has a certificate of another kind: ${oidName(type)}.`);
  const octets = readData(bag);
  bag.end('a certificate');
  return octets;
}

interface KnownBag {
  readonly kind: Bag['kind'];
  readonly read: (opening: Opening, value: Element) => Uint8Array;
}

const BAGS: ReadonlyMap<string, KnownBag> = new Map<string, KnownBag>([
  [OID.keyBag, { kind: 'key', read: (_, value) => elementBytes(value) }],
  [OID.shroudedKeyBag, { kind: 'key', read: unshroud }],
  [OID.certBag, { kind: 'certificate', read: (_, value) => readCertificate(value) }],
]);

function readBag(opening: Opening, reader: DerReader): Bag {
  const type = reader.oid('the type of a bag');
  const known =
    BAGS.get(type) ?? refuse(`The PKCS#12 file holds something that is not known: ${oidName(type)}.`);
  const wrapped = DerReader.inside(reader.expect(context(0, 'constructed'), 'the content of a bag'));
  const value = wrapped.expect(TAG.sequence, 'the content of a bag');
  wrapped.end('the content of a bag');
  const attributes = readAttributes(reader.optional(TAG.set));
  reader.end('a bag');
  return { kind: known.kind, der: known.read(opening, value), ...attributes };
}

function readBags(opening: Opening, authenticated: Uint8Array): readonly Bag[] {
  const bags: Bag[] = [];
  const outer = open(authenticated);
  const safes = outer.sequence('the safes');
  outer.end('the safes');
  for (let count = 0; !safes.atEnd; ) {
    if (++count > MAX_SAFES) refuse(`The PKCS#12 file has more than ${MAX_SAFES} safes.`);
    const octets = open(readSafe(opening, safes.sequence('a safe')));
    const safe = octets.sequence('the bags of a safe');
    octets.end('the bags of a safe');
    while (!safe.atEnd) {
      if (bags.length >= MAX_BAGS) refuse(`The PKCS#12 file holds more than ${MAX_BAGS} things.`);
      bags.push(readBag(opening, safe.sequence('a bag')));
    }
  }
  return bags;
}

/** The passphrase, in the form in which it makes the MAC come out. Without a MAC it cannot be judged yet. */
function verifyMac(
  outer: DerReader,
  content: Uint8Array,
  passphrase: string,
  work: Work,
): { readonly form: Passphrase; readonly scheme: string } {
  const forms = passphraseForms(passphrase);
  if (outer.atEnd) return { form: forms[0] as Passphrase, scheme: 'no-mac' };
  const mac = readMac(outer.sequence('the MAC'));
  for (const form of forms) {
    const found = mac.compute(form, work, content);
    if (found.length === mac.expected.length && timingSafeEqual(found, mac.expected)) {
      return { form, scheme: mac.name };
    }
  }
  return wrongPassphrase();
}

function importKey(pkcs8: Uint8Array): KeyObject {
  try {
    // A key with octets after it would be taken: OpenSSL reads the first element.
    if (readElement(pkcs8).end !== pkcs8.length)
      return refuse('The private key in the PKCS#12 file is followed by something.');
    return createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' });
  } catch (failure) {
    if (failure instanceof PkiError) throw failure;
    // Without the cause: it may quote what was read.
    return refuse(
      'The private key in the PKCS#12 file cannot be read: it is damaged, or of an unknown kind.',
    );
  }
}

/** With OpenSSL's eyes: what is in such files was made elsewhere, and may be what we would not issue. */
function importCertificate(der: Uint8Array): X509Certificate {
  try {
    const certificate = new X509Certificate(der);
    if (Buffer.compare(certificate.raw, der) === 0) return certificate;
  } catch {
    // Said below.
  }
  return refuse('The PKCS#12 file holds something that is not an X.509 certificate, as one.');
}

/** Where the key's own certificate stands: by the key itself, else by what binds them; 0 where neither tells. */
function findOwn(
  key: Bag,
  pair: KeyObject,
  bags: readonly Bag[],
  certificates: readonly X509Certificate[],
): number {
  const byKey = certificates.findIndex((certificate) => certificate.checkPrivateKey(pair));
  if (byKey >= 0) return byKey;
  const id = key.localKeyId;
  return Math.max(
    0,
    bags.findIndex(
      ({ localKeyId }) => id !== null && localKeyId !== null && Buffer.compare(id, localKeyId) === 0,
    ),
  );
}

function sortOut(bags: readonly Bag[]): Pkcs12Contents {
  const [key, second] = bags.filter(({ kind }) => kind === 'key');
  if (second !== undefined) return refuse('The PKCS#12 file holds more than one private key.');
  const pair = key && importKey(key.der);
  const held = bags.filter(({ kind }) => kind === 'certificate');
  const read = held.map(({ der }) => importCertificate(der));
  const own = key && pair ? findOwn(key, pair, held, read) : 0;
  const sorted = [...held.slice(own, own + 1), ...held.slice(0, own), ...held.slice(own + 1)];
  return {
    privateKey: key?.der ?? null,
    certificates: sorted.map(({ der }) => der),
    friendlyName: key?.friendlyName ?? sorted[0]?.friendlyName ?? null,
  };
}

function parse(ber: Uint8Array, passphrase: string): OpenedPkcs12 {
  const file = open(ber);
  const outer = file.sequence('the file');
  file.end('the file');
  const version = outer.integer('the version');
  if (version.length !== 1 || version[0] !== 3) refuse('The PKCS#12 file is not of version 3.');
  const safe = outer.sequence('the authenticated safe');
  const type = safe.oid('the type of the safe');
  if (type !== OID.data)
    refuse(`The PKCS#12 file is protected by something else than a passphrase: ${oidName(type)}.`);
  const content = readData(safe);
  safe.end('the authenticated safe');
  const work = new Work();
  const { form, scheme } = verifyMac(outer, content, passphrase, work);
  outer.end('the file');
  const schemes = new Set([scheme]);
  const bags = readBags({ work, schemes, passphrase: form }, content);
  return { ...sortOut(bags), schemes: [...schemes] };
}

/**
 * Opens a PKCS#12 file (RFC 7292), in DER or BER, also one of the weak schemes of old tools. Refuses
 * `bad-pkcs12`: a wrong passphrase, anything malformed or not understood, more than one private key, what
 * would take too long. Nothing of the key or the passphrase is in a message. What it does not judge: whether
 * key and certificate belong together, and what the certificates say.
 */
export function parsePkcs12(der: Uint8Array, passphrase: string): OpenedPkcs12 {
  if (der.length > MAX_OCTETS) refuse(`A PKCS#12 file has at most ${MAX_OCTETS / 1024} KiB here.`);
  try {
    return parse(der, passphrase);
  } catch (failure) {
    if (!(failure instanceof PkiError) || failure.code === 'bad-pkcs12') throw failure;
    throw badPkcs12(`The PKCS#12 file is malformed. ${failure.message}`, failure);
  }
}
