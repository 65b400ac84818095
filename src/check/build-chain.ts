import { type ForeignCertificate, isForeignSignedBy } from '../x509/index.ts';

const same = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

export const isSameCertificate = (a: ForeignCertificate, b: ForeignCertificate): boolean =>
  same(a.der, b.der);

export const isSelfIssuedName = ({ issuer, subject }: ForeignCertificate): boolean =>
  same(issuer.der, subject.der);

/** Whether one has the name that the other says of its issuer. */
export const isIssuerName = (issuer: ForeignCertificate, certificate: ForeignCertificate): boolean =>
  same(issuer.subject.der, certificate.issuer.der);

export const isSelfSigned = (certificate: ForeignCertificate): boolean =>
  isSelfIssuedName(certificate) && isForeignSignedBy(certificate, certificate);

/** A chain as a gateway on OpenSSL would put it together. */
export interface BuiltChain {
  /** The leaf first. */
  readonly path: readonly ForeignCertificate[];
  /**
   * `anchored`: it ends in a self-signed certificate that the gateway has. `self-signed`: in one that it
   * has not. `no-root`: in one that it has, whose own issuer it lacks. `no-issuer`: in one that was
   * presented, whose issuer nobody has.
   */
  readonly end: 'anchored' | 'self-signed' | 'no-root' | 'no-issuer';
  /** Presented, and no part of the path, or presented before. */
  readonly strangers: readonly ForeignCertificate[];
}

/** What a gateway trusts; null: nobody has told, and every chain that comes to a root is taken for trusted. */
export type Trust = readonly ForeignCertificate[] | null;

/** Longer paths are a loop or an attack; gateways go ten deep (nginx, ssl_verify_depth of ota-ce). */
const MAX_DEPTH = 10;

/** Of those with the issuer's name the one whose key signed; else the first, so that the fault shows. */
function pickIssuer(
  certificate: ForeignCertificate,
  among: readonly ForeignCertificate[],
): ForeignCertificate | undefined {
  const namesakes = among.filter((one) => isIssuerName(one, certificate));
  return namesakes.find((one) => isForeignSignedBy(certificate, one)) ?? namesakes[0];
}

function endOf(last: ForeignCertificate, trust: Trust): BuiltChain['end'] {
  const known = trust?.some((one) => isSameCertificate(one, last)) ?? true;
  if (isSelfIssuedName(last)) return known ? 'anchored' : 'self-signed';
  return trust !== null && known ? 'no-root' : 'no-issuer';
}

/**
 * Follows the issuers from the first certificate on, as OpenSSL does: among what the gateway trusts first,
 * then among what was presented, in whatever order that stands there.
 */
export function buildChain(presented: readonly ForeignCertificate[], trust: Trust): BuiltChain {
  const [leaf, ...sent] = presented;
  if (leaf === undefined) throw new Error('a chain begins with a certificate');
  const path = [leaf];
  for (let last = leaf; !isSelfIssuedName(last) && path.length <= MAX_DEPTH; ) {
    const unused = sent.filter((one) => !path.some((used) => isSameCertificate(used, one)));
    const trusted = pickIssuer(last, trust ?? []);
    const next =
      trusted !== undefined && isForeignSignedBy(last, trusted)
        ? trusted
        : (pickIssuer(last, unused) ?? trusted);
    if (next === undefined) break;
    path.push(next);
    last = next;
  }
  const strangers = presented.filter(
    (one, i) =>
      !path.some((used) => isSameCertificate(used, one)) ||
      presented.slice(0, i).some((before) => isSameCertificate(before, one)),
  );
  return { path, end: endOf(path.at(-1) ?? leaf, trust), strangers };
}
