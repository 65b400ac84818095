import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Clock } from '../clock.ts';
import type { Gateway } from './gateway.ts';
import { trustWarnings } from './trust-warnings.ts';

export interface StatusSite {
  /** `http://127.0.0.1:9445` */
  readonly url: string;
  close(): Promise<void>;
}

/** Never another: what it tells is not for the network, and it asks nobody who they are. */
const HOST = '127.0.0.1';

/** A page of a browser that came by another name (DNS rebinding) is not answered. */
const OWN_HOST = /^(127\.0\.0\.1|localhost|\[::1\])(:\d+)?$/i;

/** What the status site tells, by path. */
export function readStatus(gateway: Gateway, path: string, now: Date): unknown {
  switch (path) {
    case '/status': {
      const devices = gateway.roll.devices();
      const count = (state: string): number => devices.filter((one) => one.state === state).length;
      const { certificates, crls } = gateway.trust();
      return {
        url: gateway.url,
        devices: { online: count('online'), silent: count('silent'), refused: count('refused') },
        refusals: gateway.roll.refusals().reduce((sum, { count }) => sum + count, 0),
        trust: {
          digest: gateway.trust().digest,
          certificates: certificates.length,
          crls: crls.length,
          warnings: trustWarnings(gateway.trust(), now),
        },
      };
    }
    case '/devices':
      return { items: gateway.roll.devices(), next: null };
    case '/refusals':
      return { items: gateway.roll.refusals(), next: null };
    default:
      return undefined;
  }
}

function send(res: ServerResponse, status: number, value: unknown): void {
  const headers = { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' };
  res.writeHead(status, headers).end(`${JSON.stringify(value)}\n`);
}

/** Serves what a gateway knows, read-only, to this machine alone. */
export async function startStatusSite(
  gateway: Gateway,
  port: number,
  clock: Pick<Clock, 'now'>,
): Promise<StatusSite> {
  const server = createServer((req, res) => {
    if (!OWN_HOST.test(req.headers.host ?? '')) return send(res, 403, { error: 'not by this name' });
    if (req.method !== 'GET' && req.method !== 'HEAD') return send(res, 405, { error: 'read-only' });
    const told = readStatus(gateway, (req.url ?? '/').replace(/\?.*$/s, ''), clock.now());
    return told === undefined ? send(res, 404, { error: 'not here' }) : send(res, 200, told);
  });
  server.listen(port, HOST);
  await once(server, 'listening');
  return {
    url: `http://${HOST}:${(server.address() as AddressInfo).port}`,
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
