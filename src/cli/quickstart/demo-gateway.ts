import { once } from 'node:events';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import { OID } from '../../asn1/index.ts';
import type { Random } from '../../random.ts';
import { encodeCertificatePem, parseCertificates } from '../../x509/index.ts';
import { certify, DAY_MS } from './certify.ts';
import { makeDeviceKey } from './device-key.ts';
import type { GatewayRoot } from './gateway-root.ts';

const HOST = '127.0.0.1';
const SERVER_DAYS = 30;

export interface GatewayInput {
  readonly root: GatewayRoot;
  /** The root as devices have it, PEM. */
  readonly rootPem: string;
  /** All that it trusts: the fleet root as it was published, PEM. */
  readonly fleetRoot: string;
  /** As it stands in the bundles. */
  readonly url: string;
  readonly random: Random;
}

/** A device gateway in this process: mutual TLS, and the device's ID as the answer to any call. */
export interface DemoGateway {
  /** Where it listens: `url`'s port, or another where that was taken. */
  readonly url: string;
  /** Why TLS refused a client, in order, by OpenSSL's names. */
  readonly refusals: readonly string[];
  close(): Promise<void>;
}

async function makeServerCredentials({ root, rootPem, url, random }: GatewayInput) {
  const [issuer = null] = parseCertificates(rootPem);
  const key = await makeDeviceKey('P-256');
  const { hostname } = new URL(url);
  const now = Date.now();
  const certificate = await certify(root.signer, random, {
    kind: 'leaf',
    subject: [{ type: OID.commonName, value: hostname }],
    issuer,
    publicKey: key.spki,
    purposes: ['serverAuth'],
    names: [hostname, Uint8Array.of(127, 0, 0, 1)],
    notBefore: new Date(now - DAY_MS),
    notAfter: new Date(now + SERVER_DAYS * DAY_MS),
  });
  return { key: key.pkcs8, cert: encodeCertificatePem(certificate) };
}

async function listen(server: Server, port: number): Promise<number> {
  server.listen(port, HOST);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Prefers the port that the bundles name; another service may have it. */
async function listenSomewhere(server: Server, preferred: number): Promise<number> {
  try {
    return await listen(server, preferred);
  } catch (failure) {
    if (!(failure instanceof Error && 'code' in failure && failure.code === 'EADDRINUSE')) throw failure;
    return listen(server, 0);
  }
}

/** Starts the gateway. It trusts the fleet root and nothing else, and resumes no session. */
export async function startGateway(input: GatewayInput): Promise<DemoGateway> {
  const refusals: string[] = [];
  const server = createServer(
    {
      ...(await makeServerCredentials(input)),
      ca: input.fleetRoot,
      requestCert: true,
      rejectUnauthorized: true,
      minVersion: 'TLSv1.2',
    },
    (req, res) => {
      const { subject } = (req.socket as TLSSocket).getPeerCertificate();
      res.setHeader('Connection', 'close');
      res.setHeader('Content-Type', 'text/plain; charset=utf-8');
      res.end(`${subject.CN}\n`);
    },
  );
  server.on('tlsClientError', (failure: NodeJS.ErrnoException, socket) => {
    // Set where OpenSSL did not take the client's chain; else the handshake itself failed.
    const reason: unknown = socket.authorizationError;
    refusals.push(String(reason ?? failure.code ?? failure.message));
  });
  const { hostname, port } = new URL(input.url);
  const listening = await listenSomewhere(server, Number(port || 443));
  return {
    url: `https://${hostname}:${listening}`,
    refusals,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
