import { OID, oidName } from '../asn1/index.ts';
import { type Certificate, findExtension } from './certificate.ts';
import {
  type KeyUsage,
  PURPOSES,
  type Purpose,
  readBasicConstraints,
  readExtendedKeyUsage,
  readKeyUsage,
} from './extensions.ts';
import { importPublicKey } from './public-key.ts';
import { isSignatureValid } from './signature.ts';

/** Extensions whose meaning `verifyChain` applies; another critical one fails the chain (RFC 5280, 4.2). */
const UNDERSTOOD: ReadonlySet<string> = new Set([
  OID.basicConstraints,
  OID.keyUsage,
  OID.extendedKeyUsage,
  OID.subjectAltName,
  OID.subjectKeyIdentifier,
  OID.authorityKeyIdentifier,
]);

/** True if `certificate` was signed by the key of `issuer`; says nothing of names, dates or rights. */
export const isSignedBy = (certificate: Certificate, issuer: Certificate): boolean =>
  isSignatureValid(
    certificate.algorithm,
    issuer.publicKey.key.kind,
    importPublicKey(issuer.publicKey),
    certificate.tbs,
    certificate.signature,
  );

export const isSelfIssued = (certificate: Certificate): boolean =>
  Buffer.compare(certificate.issuer.der, certificate.subject.der) === 0;

function datesProblem(certificate: Certificate, at: Date): string | undefined {
  if (at < certificate.notBefore) return 'is not yet valid';
  if (at > certificate.notAfter) return 'has expired';
  return undefined;
}

function purposeProblem(certificate: Certificate, purpose: Purpose): string | undefined {
  const extension = findExtension(certificate, OID.extendedKeyUsage);
  if (extension === undefined) return undefined;
  const purposes = readExtendedKeyUsage(extension);
  const fits = purposes.includes(PURPOSES[purpose]) || purposes.includes(OID.anyExtendedKeyUsage);
  return fits ? undefined : `is not for ${purpose}`;
}

const isCa = (certificate: Certificate): boolean => {
  const constraints = findExtension(certificate, OID.basicConstraints);
  return constraints !== undefined && readBasicConstraints(constraints).ca;
};

/**
 * What a TLS peer of each purpose does with its key: one of these must be granted where keyUsage stands
 * (as OpenSSL judges -purpose sslclient and sslserver).
 */
const HANDSHAKE_USAGES: Partial<Readonly<Record<Purpose, readonly KeyUsage[]>>> = {
  clientAuth: ['digitalSignature', 'keyAgreement'],
  serverAuth: ['digitalSignature', 'keyAgreement', 'keyEncipherment'],
};

function usageProblem(certificate: Certificate, purpose: Purpose): string | undefined {
  const usage = findExtension(certificate, OID.keyUsage);
  const wanted = HANDSHAKE_USAGES[purpose];
  // A chain may also begin with a CA, whose key takes part in no handshake.
  if (usage === undefined || wanted === undefined || isCa(certificate)) return undefined;
  return readKeyUsage(usage).some((bit) => wanted.includes(bit))
    ? undefined
    : `has a keyUsage that does not allow ${purpose}`;
}

/**
 * Why a certificate cannot be what a peer of this purpose presents, by its own extensions: what follows "the
 * certificate", one for each fault.
 */
export const checkHandshake = (certificate: Certificate, purpose: Purpose): readonly string[] =>
  [purposeProblem(certificate, purpose), usageProblem(certificate, purpose)].filter(
    (problem) => problem !== undefined,
  );

function authorityProblem(certificate: Certificate, below: number): string | undefined {
  const constraints = findExtension(certificate, OID.basicConstraints);
  const basic = constraints && readBasicConstraints(constraints);
  if (!basic?.ca) return 'is not a CA';
  if (basic.pathLength !== null && below > basic.pathLength) return 'allows no further CA below it';
  const usage = findExtension(certificate, OID.keyUsage);
  return usage && !readKeyUsage(usage).includes('keyCertSign') ? 'may not sign certificates' : undefined;
}

function linkProblem(certificate: Certificate, issuer: Certificate): string | undefined {
  if (Buffer.compare(certificate.issuer.der, issuer.subject.der) !== 0) return 'names another issuer';
  return isSignedBy(certificate, issuer) ? undefined : "does not carry its issuer's signature";
}

/**
 * Judges a chain as a gateway does (RFC 5280, section 6, for chains without policies and name
 * constraints): the leaf first, each followed by its issuer, the trust anchor last.
 * As OpenSSL does, an extendedKeyUsage on a CA, the anchor's included, restricts what is below it.
 * Gives one sentence for each fault; an empty list means that the chain holds. A chain of nothing does not.
 */
export function checkChain(chain: readonly Certificate[], purpose: Purpose, at: Date): readonly string[] {
  if (chain.length === 0) return ['there is no certificate'];
  return chain.flatMap((certificate, depth) => {
    const issuer = chain[depth + 1] ?? certificate;
    const unknown = certificate.extensions.find((e) => e.critical && !UNDERSTOOD.has(e.oid));
    const problems = [
      datesProblem(certificate, at),
      purposeProblem(certificate, purpose),
      // pathLength counts the CAs between this one and the leaf.
      depth > 0 ? authorityProblem(certificate, depth - 1) : usageProblem(certificate, purpose),
      linkProblem(certificate, issuer),
      unknown && `has the unknown critical extension ${oidName(unknown.oid)}`,
    ];
    return problems.filter((p) => p !== undefined).map((p) => `certificate ${depth + 1} of the chain ${p}`);
  });
}
