import { bits, group, integer, octets, oid, seq, set, setOf, truth, utf8 } from './der.ts';
import { ecKey } from './keys-ec.ts';
import { ID } from './oids.ts';

export interface Signing {
  /** AlgorithmIdentifier, DER. */
  readonly algorithm: Buffer;
  /** The octets of the signature of a message. */
  readonly sign: (message: Uint8Array) => Buffer;
}

export interface KeyPair extends Signing {
  /** SubjectPublicKeyInfo, DER. */
  readonly spki: Buffer;
}

/** AttributeTypeAndValue; the value comes with its tag. */
export const attributeValue = (type: string, value: Uint8Array): Buffer => seq(oid(type), value);
/** A subject with one attribute in each RDN. */
export const name = (...attributes: readonly Uint8Array[]): Buffer => seq(...attributes.map((a) => set(a)));
export const commonName = (text: string): Buffer => attributeValue(ID.commonName, utf8(text));

/** An extension; `value` is what stands inside extnValue. */
export const extension = (id: string, value: Uint8Array): Buffer => seq(oid(id), octets(value));
export const criticalExtension = (id: string, value: Uint8Array): Buffer =>
  seq(oid(id), truth(), octets(value));
/** An attribute of the request with its values (RFC 2986, 4.1). */
export const attribute = (type: string, ...values: readonly Uint8Array[]): Buffer =>
  seq(oid(type), setOf(...values));
export const extensionRequest = (...extensions: readonly Uint8Array[]): Buffer =>
  attribute(ID.extensionRequest, seq(...extensions));
/** The attributes field, `[0]`, in DER order. */
const attributesField = (attributes: readonly Uint8Array[]): Buffer =>
  group(0, ...[...attributes].sort(Buffer.compare));

export interface RequestParts {
  readonly version?: Buffer;
  readonly subject?: Buffer;
  readonly key?: KeyPair;
  readonly spki?: Buffer;
  readonly attributes?: readonly Buffer[];
  /** In place of `attributes`: the whole field, or nothing at all. */
  readonly attributesRaw?: Buffer;
  readonly signing?: Signing;
}

/** CertificationRequestInfo. What is not given is right: CN = the vector's name, a P-256 key of its own. */
export function requestInfo(vector: string, parts: RequestParts = {}): Buffer {
  const key = parts.key ?? ecKey(vector);
  return seq(
    parts.version ?? integer(0n),
    parts.subject ?? name(commonName(vector)),
    parts.spki ?? key.spki,
    parts.attributesRaw ?? attributesField(parts.attributes ?? []),
  );
}

/** Signs whatever stands for the CertificationRequestInfo and puts the request together. */
export const sealed = (info: Uint8Array, signing: Signing): Buffer =>
  seq(info, signing.algorithm, bits(signing.sign(info)));

/** A request, right but for what `parts` says. */
export const csr = (vector: string, parts: RequestParts = {}): Buffer =>
  sealed(requestInfo(vector, parts), parts.signing ?? parts.key ?? ecKey(vector));

/** Signs an information block that was written wrong, so that nothing else is wrong. */
export const signed = (stem: string, info: Buffer): Buffer => sealed(info, ecKey(stem));

/** The four parts of a right CertificationRequestInfo, to be put together wrong. */
export function partsOf(stem: string) {
  return {
    version: integer(0n),
    subject: name(commonName(stem)),
    spki: ecKey(stem).spki,
    attributes: group(0),
  };
}

/** A request whose information block is right but for the parts given. */
export function infoOf(stem: string, wrong: Partial<ReturnType<typeof partsOf>>): Buffer {
  const { version, subject, spki, attributes } = { ...partsOf(stem), ...wrong };
  return signed(stem, seq(version, subject, spki, attributes));
}

/** The content octets of an element shorter than 64 KiB. */
export const contentOf = (element: Buffer): Buffer => {
  const first = element[1] ?? 0;
  return element.subarray(first < 0x80 ? 2 : 2 + (first & 0x7f));
};
