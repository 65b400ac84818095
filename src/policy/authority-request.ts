import { OID } from '../asn1/index.ts';
import {
  type Certificate,
  type Extension,
  encodeBasicConstraints,
  encodeKeyUsage,
  encodeName,
  findExtension,
  makeExtension,
  PURPOSES,
  readBasicConstraints,
  readExtendedKeyUsage,
  readKeyUsage,
} from '../x509/index.ts';
import { ISSUER_MARGIN_DAYS } from './plan.ts';
import type { AuthorityProfile } from './profile.ts';
import { isRehearsalName } from './rehearsal.ts';
import { subjectFor } from './subject.ts';

/** The name that a request for an authority asks for, DER. */
export const requestedSubject = (profile: AuthorityProfile, commonName: string): Uint8Array =>
  encodeName(subjectFor(commonName, profile.subject));

/** What it asks to be in the certificate: that it is a CA, and what it may sign. */
export const requestedExtensions = ({
  basicConstraints,
  keyUsage,
}: AuthorityProfile): readonly Extension[] => [
  makeExtension(
    OID.basicConstraints,
    true,
    encodeBasicConstraints({ ca: true, pathLength: basicConstraints.pathLength }),
  ),
  ...(keyUsage ? [makeExtension(OID.keyUsage, true, encodeKeyUsage(keyUsage.bits))] : []),
];

const DAY = 86_400_000;

interface Judgement {
  readonly faults: readonly string[];
  readonly warnings: readonly string[];
}

/** Purposes of a CA restrict what is below it (as OpenSSL judges). */
function purposeFault(certificate: Certificate): string | false {
  const extension = findExtension(certificate, OID.extendedKeyUsage);
  if (!extension) return false;
  const purposes = readExtendedKeyUsage(extension);
  return (
    !purposes.includes(PURPOSES.clientAuth) &&
    !purposes.includes(OID.anyExtendedKeyUsage) &&
    'its extendedKeyUsage lacks clientAuth: gateways would refuse every device under it'
  );
}

function constraintFindings(certificate: Certificate, profile: AuthorityProfile) {
  const extension = findExtension(certificate, OID.basicConstraints);
  const constraints = extension && readBasicConstraints(extension);
  const { pathLength } = profile.basicConstraints;
  return {
    fault: !constraints?.ca && 'it is no CA (basicConstraints CA:TRUE)',
    warnings: [
      extension &&
        !extension.critical &&
        'Its basicConstraints is not critical: strict verifiers refuse the chain.',
      constraints?.ca &&
        constraints.pathLength !== pathLength &&
        `Its path length is ${constraints.pathLength ?? 'unlimited'}; the profile has ${pathLength ?? 'none'}.`,
    ],
  };
}

function usageFindings(certificate: Certificate, profile: AuthorityProfile) {
  const extension = findExtension(certificate, OID.keyUsage);
  const usages = extension && readKeyUsage(extension);
  const wantsCrls = profile.keyUsage?.bits.includes('cRLSign') === true;
  return {
    fault: usages && !usages.includes('keyCertSign') && 'it may not sign certificates (keyUsage keyCertSign)',
    warnings: [
      usages &&
        wantsCrls &&
        !usages.includes('cRLSign') &&
        'It may not sign CRLs (no cRLSign): there will be none for the gateway.',
      !findExtension(certificate, OID.subjectKeyIdentifier) &&
        'It has no subjectKeyIdentifier: strict verifiers refuse the chain.',
    ],
  };
}

function dateFault({ notBefore, notAfter }: Certificate, issuer: Certificate, now: Date): string | false {
  if (notBefore > now) return `it is not valid before ${notBefore.toISOString()}`;
  if (notAfter > issuer.notAfter)
    return `it outlives its issuer, which ends on ${issuer.notAfter.toISOString()}`;
  const left = Math.floor((notAfter.getTime() - now.getTime()) / DAY);
  return (
    left < ISSUER_MARGIN_DAYS &&
    `it ends on ${notAfter.toISOString()}, and with under ${ISSUER_MARGIN_DAYS} days left it would issue nothing`
  );
}

/**
 * Judges the certificate that somebody else signed for an authority of ours, against its profile, its issuer and the
 * day: what makes it unfit, and what a person should know of one that fits.
 */
export function judgeAuthority(
  certificate: Certificate,
  issuer: Certificate,
  profile: AuthorityProfile,
  now: Date,
): Judgement {
  const constraints = constraintFindings(certificate, profile);
  const usage = usageFindings(certificate, profile);
  const room = findExtension(issuer, OID.basicConstraints);
  const text = (one: string | false | undefined): one is string => typeof one === 'string';
  return {
    faults: [
      [certificate.issuer, certificate.subject].some(isRehearsalName) && 'it was made in a rehearsal',
      certificate.subject.rdns.length === 0 && 'it has an empty subject',
      constraints.fault,
      usage.fault,
      room &&
        readBasicConstraints(room).pathLength === 0 &&
        'its issuer allows no CA below it (path length 0)',
      purposeFault(certificate),
      dateFault(certificate, issuer, now),
    ].filter(text),
    warnings: [...constraints.warnings, ...usage.warnings].filter(text),
  };
}
