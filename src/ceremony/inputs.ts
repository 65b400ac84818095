import { OID, parsePem } from '../asn1/index.ts';
import { algorithmOf } from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import { isRehearsalName, maySignCrls, type Policy, verifyIssuerAlive } from '../policy/index.ts';
import {
  type Certificate,
  type Crl,
  decodeCsr,
  findExtension,
  isCrlSignedBy,
  isSelfIssued,
  isSignedBy,
  type ProvenCsr,
  parseCertificates,
  parseCrl,
  parseCsr,
  parseForeignCrl,
  proveCsr,
  readBasicConstraints,
  readKeyUsage,
} from '../x509/index.ts';
import { CEREMONY_ALGORITHMS, type Ceremony, refuseInput } from './ceremony-file.ts';

/** Files that a ceremony is given, by the names of `inputsOf`: octets as they lie there. */
export type InputFiles = Readonly<Record<string, Uint8Array>>;

/** The same, read and judged. */
export interface CeremonyInputs {
  /** The CA that signs; null: the root that is made. */
  readonly signer: Certificate | null;
  readonly request: ProvenCsr | null;
  readonly previous: Crl | null;
  /** The root that is certified by another. */
  readonly subject: Certificate | null;
}

const textOf = (octets: Uint8Array | undefined): string => Buffer.from(octets ?? []).toString('latin1');

function readSigner(octets: Uint8Array | undefined, now: Date): Certificate {
  const [certificate, second] = parseCertificates(textOf(octets));
  if (!certificate || second) return refuseInput("One certificate is due: the signer's alone.");
  const constraints = findExtension(certificate, OID.basicConstraints);
  if (!constraints || !readBasicConstraints(constraints).ca)
    return refuseInput("The signer's certificate is no CA's (basicConstraints CA:TRUE).");
  if (isRehearsalName(certificate.subject))
    return refuseInput("The signer's certificate was made in a rehearsal.");
  const algorithm = algorithmOf(certificate.publicKey);
  if (!CEREMONY_ALGORITHMS.some((one) => one === algorithm))
    return refuseInput(
      `A ceremony signs with keys of ${CEREMONY_ALGORITHMS.join(', ')}; this is ${algorithm}.`,
    );
  if (now < certificate.notBefore || now > certificate.notAfter)
    return refuseInput("The signer's certificate is not valid now: look at this machine's clock.");
  return certificate;
}

function verifyMaySign(signer: Certificate, now: Date): void {
  verifyIssuerAlive(signer, now);
  const usage = findExtension(signer, OID.keyUsage);
  if (usage && !readKeyUsage(usage).includes('keyCertSign'))
    refuseInput('The signer may not sign certificates (keyUsage keyCertSign).');
  const constraints = findExtension(signer, OID.basicConstraints);
  if (constraints && readBasicConstraints(constraints).pathLength === 0)
    refuseInput('The signer allows no CA below it: its path length is 0.');
}

function readRequest(octets: Uint8Array | undefined, policy: Policy, target: string): ProvenCsr {
  const request = proveCsr(parseCsr(decodeCsr(octets ?? new Uint8Array(0))));
  const algorithm = algorithmOf(request.csr.publicKey);
  const { authorityKeys, title } = policy.target(target);
  if (authorityKeys.some((one) => one === algorithm)) return request;
  throw new PkiError(
    'algorithm-not-allowed',
    `Authorities for ${title} have keys of the kinds ${authorityKeys.join(', ')}; the request's is ${algorithm}.`,
  );
}

/** The root of another line, or of another generation: what stands under it, stands under the signer as well. */
function readSubject(octets: Uint8Array | undefined, signer: Certificate, now: Date): Certificate {
  const [subject, second] = parseCertificates(textOf(octets));
  if (!subject || second || !isSelfIssued(subject) || !isSignedBy(subject, subject))
    return refuseInput('The subject must be one root certificate.');
  if (isRehearsalName(subject.subject)) return refuseInput('The subject was made in a rehearsal.');
  if (Buffer.compare(subject.subject.der, signer.subject.der) === 0)
    return refuseInput('Subject and signer have one name: verifiers would not tell them apart.');
  if (now < subject.notBefore || now > subject.notAfter) return refuseInput('The subject is not valid now.');
  return subject;
}

/** A CRL in PEM or DER. */
export function decodeCrl(octets: Uint8Array): Uint8Array {
  if (octets[0] === 0x30) return octets;
  const [block, second] = parsePem(textOf(octets));
  if (block?.label === 'X509 CRL' && !second) return block.der;
  return refuseInput('One CRL is due, PEM (X509 CRL) or DER.');
}

function readPrevious(octets: Uint8Array | undefined, signer: Certificate, now: Date): Crl | null {
  if (!octets) return null;
  const der = decodeCrl(octets);
  const crl = parseCrl(der);
  const isIssuers =
    Buffer.compare(crl.issuer.der, signer.subject.der) === 0 &&
    isCrlSignedBy(parseForeignCrl(der), signer) === true;
  if (!isIssuers) return refuseInput("The CRL before is not one of the signer's.");
  if (crl.thisUpdate > now) {
    throw new PkiError(
      'clock-behind',
      `The clock stands before the CRL before (${crl.thisUpdate.toISOString()}): set this machine's.`,
    );
  }
  return crl;
}

/**
 * Reads what a ceremony is given, and refuses here what can be refused before a key is made or opened: `bad-request`,
 * `bad-pem`, `bad-der`, `bad-csr`, `bad-signature`, `algorithm-not-allowed`, `issuer-near-end`, `clock-behind`.
 */
export function readInputs(ceremony: Ceremony, files: InputFiles, policy: Policy, now: Date): CeremonyInputs {
  const { certificate, request, previous, subject } = files;
  const none = { signer: null, request: null, previous: null, subject: null };
  if (ceremony.ceremony === 'root') return none;
  const signer = readSigner(certificate, now);
  if (ceremony.ceremony === 'issuing') {
    verifyMaySign(signer, now);
    return { ...none, signer, request: readRequest(request, policy, ceremony.target) };
  }
  if (ceremony.ceremony === 'cross') {
    verifyMaySign(signer, now);
    return { ...none, signer, subject: readSubject(subject, signer, now) };
  }
  if (!maySignCrls(signer)) {
    throw new PkiError('crl-not-possible', 'The signer may not sign CRLs (keyUsage cRLSign).');
  }
  return { ...none, signer, previous: readPrevious(previous, signer, now) };
}
