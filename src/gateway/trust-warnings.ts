import type { X509Certificate } from 'node:crypto';
import { OID } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import { findExtension, parseCertificate, readKeyUsage } from '../x509/index.ts';
import type { CrlHead, Trust } from './trust.ts';

/** The subject, DER, and whether the key may sign CRLs; undefined where our reader does not take it. */
function readAuthority(certificate: X509Certificate) {
  try {
    const { subject, extensions } = parseCertificate(certificate.raw);
    const usage = findExtension({ extensions }, OID.keyUsage);
    return { subject: subject.der, signsCrls: !usage || readKeyUsage(usage).includes('cRLSign') };
  } catch (cause) {
    if (cause instanceof PkiError) return undefined;
    throw cause;
  }
}

const nameOf = ({ subject }: X509Certificate): string => subject.split('\n').reverse().join(',');

function certificateWarnings(certificate: X509Certificate, at: Date): readonly string[] {
  const name = nameOf(certificate);
  const warnings: string[] = [];
  if (new Date(certificate.validTo) < at) warnings.push(`${name} has expired: what is under it is refused`);
  if (new Date(certificate.validFrom) > at)
    warnings.push(`${name} is not yet valid: what is under it is refused`);
  // For Node `keyUsage` is extendedKeyUsage.
  const purposes = certificate.keyUsage as readonly string[] | undefined;
  const fits =
    purposes === undefined ||
    purposes.some((oid) => oid === OID.clientAuth || oid === OID.anyExtendedKeyUsage);
  if (!fits) {
    warnings.push(`${name} is not for TLS clients (extendedKeyUsage): OpenSSL refuses every device under it`);
  }
  return warnings;
}

function crlDateWarning(crl: CrlHead, name: string, at: Date): string | undefined {
  const { thisUpdate, nextUpdate } = crl;
  if (thisUpdate > at) return `the CRL of ${name} is not yet valid: what is under it is refused`;
  if (nextUpdate === null) return undefined;
  if (nextUpdate < at) return `the CRL of ${name} has expired: what is under it is refused`;
  const third = (nextUpdate.getTime() - thisUpdate.getTime()) / 3;
  return nextUpdate.getTime() - at.getTime() < third
    ? `the CRL of ${name} ends on ${nextUpdate.toISOString()}: it is time for the next one`
    : undefined;
}

function crlWarnings(certificate: X509Certificate, crls: readonly CrlHead[], at: Date): readonly string[] {
  const authority = readAuthority(certificate);
  if (!authority) return [];
  const name = nameOf(certificate);
  const own = crls.filter(({ issuer }) => Buffer.compare(issuer, authority.subject) === 0);
  // OpenSSL asks for one of each CA in a chain, the root included (X509_V_FLAG_CRL_CHECK_ALL).
  if (own.length === 0)
    return [`there is no CRL of ${name}: where there are any, what is under it is refused`];
  if (!authority.signsCrls) {
    return [`${name} may not sign CRLs (keyUsage): OpenSSL takes none of it, and refuses what is under it`];
  }
  return own.map((crl) => crlDateWarning(crl, name, at)).filter((warning) => warning !== undefined);
}

/** Why a gateway with this trust would refuse devices that are in order: one sentence each. */
export function trustWarnings({ certificates, crlHeads }: Trust, at: Date): readonly string[] {
  return certificates.flatMap((certificate) => [
    ...certificateWarnings(certificate, at),
    ...(crlHeads.length === 0 ? [] : crlWarnings(certificate, crlHeads, at)),
  ]);
}
