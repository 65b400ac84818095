import { createHash, X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { connect, type DetailedPeerCertificate, type TLSSocket } from 'node:tls';
import { LocalFailure } from '../local-failure.ts';

const sha256 = (octets: Uint8Array): string => createHash('sha256').update(octets).digest('hex');

/** What TLS needs to know of the place. An address has no server name (RFC 6066, 3). */
export function endpointOf({ hostname, port }: URL) {
  const host = hostname.replace(/^\[(.*)\]$/, '$1');
  return { host, port: port === '' ? 443 : Number(port), servername: isIP(host) === 0 ? host : '' };
}

/** The certificates that a server presented, DER, its own first. */
export function presentedChain(socket: TLSSocket): readonly Buffer[] {
  const chain: Buffer[] = [];
  const seen = new Set<string>();
  let next: DetailedPeerCertificate | undefined = socket.getPeerCertificate(true);
  // A self-signed certificate is its own issuer: the list ends in a circle.
  while (next?.raw && !seen.has(sha256(next.raw))) {
    seen.add(sha256(next.raw));
    chain.push(next.raw);
    next = next.issuerCertificate;
  }
  return chain;
}

/** Where the pinned certificate stands in the chain: 0 is the server's own. Throws `untrusted`. */
export function findPinned(chain: readonly Uint8Array[], fingerprint: string): number {
  const at = chain.findIndex((certificate) => sha256(certificate) === fingerprint);
  if (at !== -1) return at;
  const presented = chain.map((certificate) => sha256(certificate));
  throw new LocalFailure('untrusted', 'Whoever answers has not the certificate that is pinned.', {
    violations: presented.map((found) => ({ at: 'presented', message: found })),
    hint: 'take the fingerprint from the output of the service, not from here: somebody may stand between',
  });
}

/** A certificate that is pinned itself needs no name and no issuer, but it must be in force. */
export function verifyInForce(certificate: Uint8Array, now: Date): void {
  const { validFrom, validTo } = new X509Certificate(certificate);
  if (now >= new Date(validFrom) && now <= new Date(validTo)) return;
  throw new LocalFailure(
    'untrusted',
    `The pinned certificate is valid from ${validFrom} to ${validTo} only.`,
  );
}

const PROBE_PATIENCE_MS = 15_000;

/** Shakes hands with a server, whoever it is, says nothing to it, and looks at its certificates. */
function probe(url: URL): Promise<readonly Buffer[]> {
  return new Promise((resolve, reject) => {
    // Nothing is sent on this connection, and what is found counts only if it is the pinned certificate.
    const socket = connect(
      { ...endpointOf(url), rejectUnauthorized: false, timeout: PROBE_PATIENCE_MS },
      () => {
        resolve(presentedChain(socket));
        socket.destroy();
      },
    );
    socket.once('timeout', () => {
      socket.destroy(Object.assign(new Error('the handshake takes too long'), { code: 'ETIMEDOUT' }));
    });
    socket.once('error', reject);
  });
}

/** What a pin turned out to be: the server's own certificate, or one above it (PEM), to verify it by. */
export type Pinned = { readonly kind: 'leaf' } | { readonly kind: 'ca'; readonly pem: string };

/**
 * Finds the pinned certificate among those that the server presents. Rejects with `untrusted` where it
 * is not there. A CA found this way is only a candidate's anchor: the chain is verified with it by each
 * connection that says something.
 */
export async function findPin(url: URL, fingerprint: string): Promise<Pinned> {
  const chain = await probe(url);
  const at = findPinned(chain, fingerprint);
  if (at === 0) return { kind: 'leaf' };
  return { kind: 'ca', pem: new X509Certificate(chain[at] ?? '').toString() };
}
