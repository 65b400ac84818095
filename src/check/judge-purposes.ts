import { OID, oidName } from '../asn1/index.ts';
import {
  type ForeignCertificate,
  foreignBasicConstraints,
  foreignExtendedKeyUsage,
  foreignKeyUsage,
  formatName,
} from '../x509/index.ts';
import { isSelfIssuedName } from './build-chain.ts';
import { type Finding, fail, note, warn } from './finding.ts';

/** Extensions that OpenSSL knows, and so may be critical (x509v3, supported_nids). */
const KNOWN: ReadonlySet<string> = new Set([
  OID.basicConstraints,
  OID.keyUsage,
  OID.extendedKeyUsage,
  OID.subjectAltName,
  OID.subjectKeyIdentifier,
  OID.authorityKeyIdentifier,
  OID.nameConstraints,
  OID.crlDistributionPoints,
  OID.certificatePolicies,
  '2.5.29.33', // policyMappings
  '2.5.29.36', // policyConstraints
  '2.5.29.54', // inhibitAnyPolicy
  '2.16.840.1.113730.1.1', // nsCertType
]);

export const nameOf = ({ subject }: ForeignCertificate): string =>
  formatName(subject) || 'a certificate without a name';

const forClients = (purposes: readonly string[] | null): boolean =>
  purposes === null || purposes.includes(OID.clientAuth);

/** As X509_check_ca: a version 1 root, and a keyUsage with keyCertSign, stand in for basicConstraints. */
function isCa(certificate: ForeignCertificate): boolean {
  const usage = foreignKeyUsage(certificate);
  if (usage !== null && !usage.includes('keyCertSign')) return false;
  const constraints = foreignBasicConstraints(certificate);
  if (constraints !== null) return constraints.ca;
  return usage !== null || (certificate.version === 1 && isSelfIssuedName(certificate));
}

export const isLeafCa = (leaf: ForeignCertificate): boolean => foreignBasicConstraints(leaf)?.ca === true;

function leafPurposeFault(leaf: ForeignCertificate): Finding | undefined {
  const purposes = foreignExtendedKeyUsage(leaf);
  if (!forClients(purposes)) {
    return purposes?.includes(OID.anyExtendedKeyUsage)
      ? fail(
          'purpose-any',
          null,
          'Its extendedKeyUsage says any purpose, which OpenSSL does not take for clientAuth.',
        )
      : fail(
          'purpose-leaf',
          null,
          `Its extendedKeyUsage (${purposes?.map(oidName).join(', ')}) lacks clientAuth: "unsuitable certificate purpose" (error 26, alert 43).`,
        );
  }
  const usage = foreignKeyUsage(leaf);
  const signs = usage === null || usage.includes('digitalSignature') || usage.includes('keyAgreement');
  return signs
    ? undefined
    : fail(
        'purpose-leaf',
        null,
        `Its keyUsage (${usage.join(', ')}) lets its key sign no handshake: "unsuitable certificate purpose" (error 26, alert 43).`,
      );
}

/** What OpenSSL lets pass in a leaf, and another gateway does not. */
function leafOddities(leaf: ForeignCertificate): readonly Finding[] {
  const usage = foreignKeyUsage(leaf);
  const found: (Finding | false)[] = [
    leaf.version < 3 &&
      warn(
        'leaf-version-1',
        null,
        'It is of version 1, and says nothing of its purpose: gateways that demand extensions refuse it.',
      ),
    isLeafCa(leaf) &&
      warn(
        'leaf-is-ca',
        null,
        'It says CA:TRUE of a device: OpenSSL lets it pass, others refuse it, and who has its key can make devices.',
      ),
    usage !== null &&
      !usage.includes('digitalSignature') &&
      warn(
        'leaf-no-digital-signature',
        null,
        'Its keyUsage lacks digitalSignature: OpenSSL is content with keyAgreement, others are not.',
      ),
    leaf.version >= 3 &&
      foreignExtendedKeyUsage(leaf) === null &&
      note(
        'leaf-without-purpose',
        null,
        'It has no extendedKeyUsage: it is good for any purpose, a server as well.',
      ),
  ];
  return found.filter((one) => one !== false);
}

function criticalFault(certificate: ForeignCertificate): Finding | undefined {
  const unknown = certificate.extensions.find(({ critical, oid }) => critical && !KNOWN.has(oid));
  return (
    unknown &&
    fail(
      'unknown-critical-extension',
      null,
      `${nameOf(certificate)} has the critical extension ${oidName(unknown.oid)}, which verifiers do not know (error 34).`,
    )
  );
}

/** `below`: how many CAs stand between this one and the leaf. */
function authorityFault(ca: ForeignCertificate, below: number): Finding | undefined {
  if (!isCa(ca))
    return fail('issuer-not-ca', null, `${nameOf(ca)} issued in this chain and is no CA (error 79).`);
  if (!forClients(foreignExtendedKeyUsage(ca))) {
    return fail(
      'purpose-ca',
      null,
      `The extendedKeyUsage of ${nameOf(ca)} lacks clientAuth: gateways on OpenSSL, nginx and Node refuse every device under it (error 26, alert 43).`,
    );
  }
  const longest = foreignBasicConstraints(ca)?.pathLength ?? null;
  return longest !== null && below > longest
    ? fail(
        'path-length',
        null,
        `${nameOf(ca)} allows ${longest} CAs below it, and there are ${below} (error 25).`,
      )
    : undefined;
}

/** Purposes and rights along a path, as OpenSSL judges them for a client (X509_PURPOSE_SSL_CLIENT). */
export function judgePurposes(path: readonly ForeignCertificate[]): readonly Finding[] {
  const [leaf, ...cas] = path;
  if (leaf === undefined) return [];
  const fault = leafPurposeFault(leaf);
  const below = (i: number): number => cas.slice(0, i).filter((ca) => !isSelfIssuedName(ca)).length;
  return [
    ...path.map(criticalFault),
    fault,
    ...(fault ? [] : leafOddities(leaf)),
    ...cas.map((ca, i) => authorityFault(ca, below(i))),
  ].filter((one) => one !== undefined);
}
