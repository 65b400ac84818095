import { createHash, X509Certificate } from 'node:crypto';
import type { DetailedPeerCertificate, TLSSocket } from 'node:tls';
import { PkiError } from '../errors.ts';
import { type Certificate, checkChain, parseCertificate } from '../x509/index.ts';
import { deriveDeviceId } from './device-id.ts';
import { type Refusal, refusalOf } from './refusals.ts';
import type { Peer } from './roll.ts';
import type { Trust } from './trust.ts';

/** How a connection is to be answered. */
export interface Judgement {
  /** null: no certificate was presented. */
  readonly peer: Peer | null;
  /** null: let in. */
  readonly refusal: Refusal | null;
}

/** `ssl_verify_depth 10` of ota-ce's nginx: OpenSSL counts what stands between the leaf and the root. */
const MOST_INTERMEDIATES = 10;
/** More than any chain that passes; a presented one may be of any length. */
const MOST_CERTIFICATES = 32;

/** The chain as Node put it together from what was presented and what is trusted, the leaf first; DER. */
function chainOf(leaf: DetailedPeerCertificate): readonly Buffer[] {
  const chain: Buffer[] = [];
  for (
    let at: DetailedPeerCertificate | undefined = leaf;
    at?.raw && chain.length < MOST_CERTIFICATES && !chain.some((der) => der.equals(at?.raw as Buffer));
    at = at.issuerCertificate
  ) {
    chain.push(at.raw);
  }
  return chain;
}

function readChain(ders: readonly Buffer[]): readonly Certificate[] | undefined {
  try {
    return ders.map(parseCertificate);
  } catch (cause) {
    // Older versions, BER: what OpenSSL reads and our reader does not has no details.
    if (cause instanceof PkiError) return undefined;
    throw cause;
  }
}

/** True where the chain leads to something that is trusted here. */
function isRooted(ders: readonly Buffer[], { certificates }: Trust): boolean {
  const top = ders.at(-1);
  return certificates.some(({ raw }) => top?.equals(raw));
}

/** OpenSSL's last error. Of a chain that leads nowhere it also misses the CRL, and says that in the end. */
function codeOf(said: string, ders: readonly Buffer[], trust: Trust): string {
  const isStranger = said === 'UNABLE_TO_GET_CRL' && !isRooted(ders, trust);
  return isStranger ? 'UNABLE_TO_GET_ISSUER_CERT_LOCALLY' : said;
}

/** Which certificate of the chain it is, and what of it: where it leads to a root that is trusted here. */
function detailsOf(ders: readonly Buffer[], trust: Trust, at: Date): readonly string[] {
  const chain = isRooted(ders, trust) ? readChain(ders) : undefined;
  return chain ? checkChain(chain, 'clientAuth', at) : [];
}

function peerOf(der: Buffer): Peer {
  const certificate = new X509Certificate(der);
  return {
    id: deriveDeviceId(der),
    fingerprint: createHash('sha256').update(der).digest('hex'),
    serial: certificate.serialNumber.toLowerCase(),
    issuer: certificate.issuer.split('\n').reverse().join(','),
    notAfter: new Date(certificate.validTo).toISOString(),
  };
}

/**
 * Judges a client whose handshake is done, as nginx does: OpenSSL has looked at chain, dates, purpose and
 * CRLs by what the gateway trusted when the connection came, and its verdict counts; we say why.
 */
export function judge(socket: TLSSocket, trust: Trust, at: Date): Judgement {
  const leaf = socket.getPeerCertificate(true);
  if (!leaf.raw) return { peer: null, refusal: refusalOf('NO_CERTIFICATE') };
  const peer = peerOf(leaf.raw);
  const chain = chainOf(leaf);
  if (!socket.authorized) {
    const code = codeOf(String(socket.authorizationError ?? 'UNSPECIFIED'), chain, trust);
    return { peer, refusal: refusalOf(code, detailsOf(chain, trust, at)) };
  }
  const isTooLong = chain.length > MOST_INTERMEDIATES + 2;
  return { peer, refusal: isTooLong ? refusalOf('CERT_CHAIN_TOO_LONG') : null };
}
