import { X509Certificate } from 'node:crypto';
import { parsePem } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import { decodeText, type Finding, findingAt } from './credentials-finding.ts';

/** What is told of a certificate in an archive. */
export interface HeldCertificate {
  readonly entry: string;
  readonly role: 'own' | 'ca';
  readonly subject: string;
  readonly issuer: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Hex. */
  readonly sha256: string;
}

const oneLine = (name: string): string => name.replaceAll('\n', ', ');

/** Read with OpenSSL's eyes: it was made elsewhere, and may be what we would not issue. */
export function describeCertificate(
  entry: string,
  role: HeldCertificate['role'],
  der: Uint8Array,
): HeldCertificate {
  const certificate = new X509Certificate(der);
  return {
    entry,
    role,
    subject: oneLine(certificate.subject ?? ''),
    issuer: oneLine(certificate.issuer ?? ''),
    notBefore: new Date(certificate.validFrom),
    notAfter: new Date(certificate.validTo),
    sha256: certificate.fingerprint256.replaceAll(':', '').toLowerCase(),
  };
}

const DAY_MS = 24 * 60 * 60 * 1000;
/** Time to get a new one from whoever made it. */
const SOON_DAYS = 30;

const day = (instant: Date): string => instant.toISOString().slice(0, 10);

/** Whether certificates of an entry are in their time. */
export function dateFindings(held: readonly HeldCertificate[], now: Date): readonly Finding[] {
  return held.flatMap(({ entry, subject, notBefore, notAfter }) => {
    const { error, warning } = findingAt(entry);
    if (now >= notAfter) return [error(`the certificate of ${subject} expired on ${day(notAfter)}`)];
    if (now < notBefore)
      return [error(`the certificate of ${subject} is not valid before ${day(notBefore)}`)];
    const days = Math.floor((notAfter.getTime() - now.getTime()) / DAY_MS);
    return days < SOON_DAYS ? [warning(`the certificate of ${subject} expires on ${day(notAfter)}`)] : [];
  });
}

export interface ReadCertificates {
  readonly ders: readonly Uint8Array[];
  readonly held: readonly HeldCertificate[];
  readonly findings: readonly Finding[];
}

function readBlocks(text: string): readonly Uint8Array[] {
  const blocks = parsePem(text);
  const stranger = blocks.find(({ label }) => label !== 'CERTIFICATE');
  if (stranger) throw new PkiError('bad-pem', `holds a ${stranger.label} block, which does not belong there`);
  if (blocks.length === 0) throw new PkiError('bad-pem', 'holds no certificate in PEM form');
  return blocks.map(({ der }) => der);
}

/** A PEM file of CA certificates. */
export function readCaFile(entry: string, octets: Uint8Array, now: Date): ReadCertificates {
  const { error, warning } = findingAt(entry);
  try {
    const ders = readBlocks(decodeText(octets) ?? '');
    const held = ders.map((der) => describeCertificate(entry, 'ca', der));
    const strangers = ders.filter((der) => !new X509Certificate(der).ca).length;
    const odd =
      strangers > 0 ? [warning('holds a certificate that is no CA: it is trusted for itself alone')] : [];
    return { ders, held, findings: [...dateFindings(held, now), ...odd] };
  } catch (failure) {
    const says =
      failure instanceof PkiError ? failure.message : 'holds something that is not an X.509 certificate';
    return { ders: [], held: [], findings: [error(says)] };
  }
}
