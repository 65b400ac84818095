import { request } from 'node:https';
import type { TLSSocket } from 'node:tls';

export const TLS_VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
export type TlsVersion = (typeof TLS_VERSIONS)[number];

/** What a client shows and trusts; without a key and a chain it shows nothing. */
export interface ClientCredentials {
  readonly key?: string;
  readonly chain?: string;
  /** The gateway's root, PEM. */
  readonly gatewayRoot: string;
}

const TIMEOUT_MS = 10_000;

/**
 * One call to the gateway over a new connection of one TLS version. Gives the device ID that the
 * gateway saw. Gateways finish the handshake with whom they refuse, and say so in HTTP: so we read.
 * Rejects where the gateway refuses, or is not the one that `gatewayRoot` vouches for.
 */
export function callGateway(
  url: string,
  version: TlsVersion,
  credentials: ClientCredentials,
): Promise<string> {
  const { hostname, port } = new URL(url);
  const { key, chain, gatewayRoot } = credentials;
  return new Promise((resolve, reject) => {
    const sent = request({
      hostname,
      port,
      // The gateway listens on IPv4 alone; `localhost` may be ::1 first.
      family: 4,
      agent: false,
      ca: gatewayRoot,
      ...(key === undefined ? {} : { key }),
      ...(chain === undefined ? {} : { cert: chain }),
      minVersion: version,
      maxVersion: version,
      timeout: TIMEOUT_MS,
    });
    sent.on('timeout', () => sent.destroy(new Error('the gateway did not answer')));
    sent.on('error', reject);
    sent.on('response', (response) => {
      const protocol = (response.socket as TLSSocket).getProtocol();
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => {
        text += piece;
      });
      response.on('error', reject);
      response.on('end', () => {
        if (response.statusCode !== 200) reject(new Error(`${response.statusCode} ${text.trim()}`));
        else if (protocol === version) resolve(text.trim());
        else reject(new Error(`${version} was asked for, ${protocol} was spoken`));
      });
    });
    sent.end();
  });
}
