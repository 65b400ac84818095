import { OID } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import { isRehearsalName } from '../policy/index.ts';
import {
  type Certificate,
  findExtension,
  isCrlSignedBy,
  isDetachedSignatureOf,
  isSelfIssued,
  isSignedBy,
  parseCertificates,
  parseCrl,
  parseDetachedSignature,
  parseForeignCrl,
  readBasicConstraints,
} from '../x509/index.ts';
import { decodeCrl } from './inputs.ts';
import { FILES, REHEARSAL_PREFIX } from './perform.ts';
import { hashOf, parseTranscript, type Transcript } from './transcript.ts';

/** The files of a ceremony's folder, by name. */
export type CeremonyFiles = ReadonlyMap<string, Uint8Array>;

/** A ceremony that was verified by itself: whether its signer is to be believed is another matter. */
export interface VerifiedCeremony {
  readonly transcript: Transcript;
  /** SHA-256 of the transcript, hex: names the ceremony. */
  readonly id: string;
  readonly signedAt: Date;
  /** The CA whose key signed it all. */
  readonly signer: Certificate;
  /** The issuing authority that was certified. */
  readonly issuing: Certificate | null;
  /** Another root's name and key, certified by the signer. */
  readonly cross: Certificate | null;
  /** The CRL that was made, DER. */
  readonly crl: Uint8Array | null;
}

function refuse(message: string, cause?: unknown): never {
  throw new PkiError('bad-ceremony', message, { cause });
}

/** What is malformed in a ceremony's files is the ceremony's fault. */
function within<T>(what: string, read: () => T): T {
  try {
    return read();
  } catch (cause) {
    if (!(cause instanceof PkiError) || cause.code === 'bad-ceremony') throw cause;
    return refuse(`${what} cannot be read: ${cause.message}`, cause);
  }
}

/** Octets of a file that the transcript names, or that every ceremony has. */
function octetsOf(files: CeremonyFiles, name: string): Uint8Array {
  return files.get(name) ?? refuse(`The file ${name} is missing.`);
}

function verifyOutputs({ outputs }: Transcript, files: CeremonyFiles, own: readonly string[]): void {
  for (const { file, sha256 } of outputs)
    if (hashOf(octetsOf(files, file)) !== sha256) refuse(`${file} is not the file of the transcript.`);
  const known = new Set([...outputs.map(({ file }) => file), ...own]);
  const stranger = [...files.keys()].find((name) => !known.has(name));
  if (stranger !== undefined) refuse(`The transcript knows of no file ${stranger}.`);
}

function readCertificate(files: CeremonyFiles, name: string): Certificate {
  return within(name, () => {
    const text = Buffer.from(octetsOf(files, name)).toString('latin1');
    const [certificate, second] = parseCertificates(text);
    return certificate && !second ? certificate : refuse(`${name} must hold one certificate.`);
  });
}

function verifyCa(certificate: Certificate, name: string): void {
  const constraints = findExtension(certificate, OID.basicConstraints);
  const isCa = constraints !== undefined && within(name, () => readBasicConstraints(constraints).ca);
  if (!isCa) refuse(`${name} is no CA's certificate.`);
}

function verifySignature(files: CeremonyFiles, names: Names, signer: Certificate): Date {
  return within(names.signature, () => {
    const signed = parseDetachedSignature(octetsOf(files, names.signature));
    if (Buffer.compare(signed.certificate.der, signer.der) !== 0)
      return refuse("The transcript's signature is not by the CA of the ceremony.");
    if (!isDetachedSignatureOf(signed, octetsOf(files, names.transcript)))
      return refuse("The transcript's signature does not hold: it was changed, or signed by another key.");
    return signed.signedAt;
  });
}

function readSigned(files: CeremonyFiles, name: string, signer: Certificate): Certificate {
  const certificate = readCertificate(files, name);
  verifyCa(certificate, name);
  const isSigned =
    Buffer.compare(certificate.issuer.der, signer.subject.der) === 0 && isSignedBy(certificate, signer);
  return isSigned ? certificate : refuse(`${name} was not signed by the CA of the ceremony.`);
}

function readCrl(files: CeremonyFiles, name: string, signer: Certificate): Uint8Array {
  return within(name, () => {
    const der = decodeCrl(octetsOf(files, name));
    const isIssuers = Buffer.compare(parseCrl(der).issuer.der, signer.subject.der) === 0;
    if (!isIssuers || isCrlSignedBy(parseForeignCrl(der), signer) !== true)
      return refuse(`${name} was not signed by the CA of the ceremony.`);
    return der;
  });
}

type Names = Readonly<Record<keyof typeof FILES, string>>;

/** A rehearsal's files have a name that says so. */
function namesIn(files: CeremonyFiles): Names {
  const marked = files.has(FILES.transcript) ? '' : REHEARSAL_PREFIX;
  return Object.fromEntries(Object.entries(FILES).map(([key, file]) => [key, marked + file])) as Names;
}

/** One place says it, the name of the root or of the signer, and the transcript says the same. */
function verifyMark({ rehearsal }: Transcript, names: Names, signer: Certificate): void {
  const marks = [rehearsal, names.root !== FILES.root, isRehearsalName(signer.subject)];
  if (new Set(marks).size > 1) refuse('The marks of a rehearsal contradict each other.');
}

/**
 * Verifies the files of a ceremony by themselves: the transcript is signed by the CA of the ceremony, all files are
 * those of the transcript, and that CA signed what it says. Refuses `bad-ceremony`.
 */
export function readCeremony(files: CeremonyFiles): VerifiedCeremony {
  const names = namesIn(files);
  const octets = octetsOf(files, names.transcript);
  const transcript = parseTranscript(Buffer.from(octets).toString('utf8'));
  verifyOutputs(transcript, files, [names.transcript, names.signature]);
  const isRoot = transcript.ceremony === 'root';
  const signer = readCertificate(files, isRoot ? names.root : names.signer);
  verifyCa(signer, isRoot ? names.root : names.signer);
  if (isRoot && !(isSelfIssued(signer) && isSignedBy(signer, signer)))
    refuse(`${names.root} is no root: it is not signed by its own key.`);
  const signedAt = verifySignature(files, names, signer);
  verifyMark(transcript, names, signer);
  if (hashOf(signer.publicKey.spki) !== transcript.key.publicKey)
    refuse('The transcript is of another key than the CA has.');
  const isIssuing = transcript.ceremony === 'issuing';
  const hasCrl = transcript.ceremony === 'crl' || transcript.outputs.some(({ file }) => file === names.crl);
  return {
    transcript,
    id: hashOf(octets),
    signedAt,
    signer,
    issuing: isIssuing ? readSigned(files, names.issuing, signer) : null,
    cross: transcript.ceremony === 'cross' ? readSigned(files, names.cross, signer) : null,
    crl: hasCrl ? readCrl(files, names.crl, signer) : null,
  };
}
