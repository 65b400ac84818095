import { createHash, X509Certificate } from 'node:crypto';
import { DerReader, encodePem, parsePem, readTime, TAG } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';

/** What a gateway judges devices by, as it was read. */
export interface TrustFiles {
  /** Roots and intermediates, PEM. */
  readonly trusted: string;
  /** CRLs, PEM; null: no certificate is looked up in any. */
  readonly crls: string | null;
}

/** Where that comes from. Rejects where it cannot be read now; what was read before then stays in use. */
export interface TrustSource {
  /** For people: a file, or a fleet of a service. */
  readonly says: string;
  read(): Promise<TrustFiles>;
}

/** The head of a CRL (RFC 5280, 5.1.2). */
export interface CrlHead {
  /** Name, DER. */
  readonly issuer: Uint8Array;
  readonly thisUpdate: Date;
  readonly nextUpdate: Date | null;
}

/** What OpenSSL is given. */
export interface Trust {
  readonly certificates: readonly X509Certificate[];
  readonly crlHeads: readonly CrlHead[];
  /** PEM, all in one. */
  readonly ca: string;
  /** PEM, one each: of several in one text Node reads the first alone. Empty: no CRL is asked for. */
  readonly crls: readonly string[];
  /** SHA-256 over all of it, hex. */
  readonly digest: string;
}

function blocksOf(text: string, label: string, what: string): readonly Uint8Array[] {
  const blocks = parsePem(text);
  const stranger = blocks.find((block) => block.label !== label);
  if (stranger)
    throw new PkiError('bad-pem', `${what} are due; there is a block labelled ${stranger.label}.`);
  return blocks.map(({ der }) => der);
}

function readCertificate(der: Uint8Array): X509Certificate {
  try {
    return new X509Certificate(der);
  } catch (cause) {
    throw new PkiError(
      'bad-pem',
      'What the gateway is to trust holds a certificate that OpenSSL cannot read.',
      {
        cause,
      },
    );
  }
}

/** Reads the head of a CRL; the rest is for OpenSSL. Refuses `bad-der`. */
export function readCrlHead(der: Uint8Array): CrlHead {
  const list = new DerReader(der).sequence('the CRL').sequence('the CRL');
  list.optional(TAG.integer);
  list.expect(TAG.sequence, "the signature's algorithm");
  const issuer = list.expect(TAG.sequence, 'the issuer');
  const thisUpdate = readTime(list.any());
  const next = list.peek();
  const isTime = next === TAG.utcTime || next === TAG.generalizedTime;
  return {
    issuer: issuer.bytes.slice(issuer.start, issuer.end),
    thisUpdate,
    nextUpdate: isTime ? readTime(list.any()) : null,
  };
}

/**
 * Reads what a gateway is to trust. Refuses `bad-pem` or `bad-der` for what cannot be read, and for nothing at
 * all: a gateway that trusts nobody refuses the fleet, which nobody means.
 */
export function parseTrust({ trusted, crls }: TrustFiles): Trust {
  const ders = blocksOf(trusted, 'CERTIFICATE', 'Certificates');
  if (ders.length === 0) throw new PkiError('bad-pem', 'There is no certificate for the gateway to trust.');
  const crlDers = crls === null ? [] : blocksOf(crls, 'X509 CRL', 'CRLs');
  const ca = ders.map((der) => encodePem('CERTIFICATE', der)).join('');
  const lists = crlDers.map((der) => encodePem('X509 CRL', der));
  return {
    certificates: ders.map(readCertificate),
    crlHeads: crlDers.map(readCrlHead),
    ca,
    crls: lists,
    digest: createHash('sha256')
      .update([ca, ...lists].join('\n'))
      .digest('hex'),
  };
}
