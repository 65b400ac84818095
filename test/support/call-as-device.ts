import { Agent, request } from 'node:https';
import type { TLSSocket } from 'node:tls';

export interface DeviceCredentials {
  /** PEM: the leaf and what goes with it. */
  readonly chain?: string;
  /** PEM */
  readonly key?: string;
  /** The gateway's root, PEM. */
  readonly root: string;
}

export interface DeviceCall {
  readonly method?: string;
  readonly path?: string;
  readonly version?: 'TLSv1.2' | 'TLSv1.3';
  /** As OpenSSL's ciphers(1) reads it. */
  readonly ciphers?: string;
  readonly body?: string | Buffer;
  readonly headers?: Readonly<Record<string, string>>;
  /** One that keeps connections; else each call has its own. */
  readonly agent?: Agent;
  /** How long nothing may move. */
  readonly patienceMs?: number;
}

export interface GatewayAnswer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string | string[]>;
  readonly text: string;
  readonly protocol: string;
  /** The client's port: equal for calls over one connection. */
  readonly localPort: number;
}

export const keepingAgent = (): Agent => new Agent({ keepAlive: true, maxSockets: 1, maxCachedSessions: 0 });

/** A call of a device to a gateway on this machine. Rejects where there is no answer in HTTP. */
export function callAsDevice(
  port: number,
  { chain, key, root }: DeviceCredentials,
  {
    method = 'GET',
    path = '/',
    version,
    ciphers,
    body,
    headers = {},
    agent,
    patienceMs = 10_000,
  }: DeviceCall = {},
): Promise<GatewayAnswer> {
  return new Promise((resolve, reject) => {
    const req = request({
      host: '127.0.0.1',
      servername: 'localhost',
      port,
      method,
      path,
      headers: { ...headers, ...(body === undefined ? {} : { 'Content-Length': Buffer.byteLength(body) }) },
      agent: agent ?? false,
      ca: root,
      ...(chain === undefined ? {} : { cert: chain }),
      ...(key === undefined ? {} : { key }),
      ...(version === undefined ? {} : { minVersion: version, maxVersion: version }),
      ...(ciphers === undefined ? {} : { ciphers }),
      timeout: patienceMs,
    });
    req.on('timeout', () => req.destroy(new Error('the gateway did not answer')));
    req.on('error', reject);
    req.on('response', (res) => {
      const socket = res.socket as TLSSocket;
      const { localPort = 0 } = socket;
      const protocol = socket.getProtocol() ?? '';
      let text = '';
      res.setEncoding('utf8').on('data', (piece: string) => {
        text += piece;
      });
      res.on('error', reject);
      res.on('end', () =>
        resolve({ status: res.statusCode ?? 0, headers: res.headers, text, protocol, localPort }),
      );
    });
    req.end(body);
  });
}
