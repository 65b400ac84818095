import { constants } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Clock } from '../clock.ts';
import { type Judgement, judge } from './judge.ts';
import { failureOf, type Refusal } from './refusals.ts';
import {
  createRoll,
  type DeviceSeen,
  type DeviceState,
  type Peer,
  type RefusalSeen,
  type Roll,
} from './roll.ts';
import { answerDevice, type RouteAnswer, requestWarning } from './routes.ts';
import type { Trust } from './trust.ts';

/** What the gateway presents: PKCS#8 and its certificate with what is above it, both PEM. */
export interface ServerIdentity {
  readonly key: string;
  readonly certificate: string;
}

/** What happened, for whoever looks on. */
export type GatewayEvent =
  /** A connection of a device was let in; `before` says what the device was, null: not seen before. */
  | {
      readonly kind: 'admitted';
      readonly device: DeviceSeen;
      readonly before: DeviceState | null;
      readonly protocol: string;
    }
  | {
      readonly kind: 'called';
      readonly deviceId: string;
      readonly method: string;
      readonly path: string;
      readonly status: number;
    }
  | { readonly kind: 'refused'; readonly refusal: RefusalSeen }
  | { readonly kind: 'trust-changed'; readonly trust: Trust };

export interface GatewayInput {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly identity: ServerIdentity;
  readonly trust: Trust;
  readonly clock: Pick<Clock, 'now'>;
  /** A device counts as online for so long after it was let in. */
  readonly onlineSeconds?: number;
  readonly look?: (event: GatewayEvent) => void;
}

/** A device gateway: mutual TLS, and answers as of an OTA server that has no update. */
export interface Gateway {
  /** `https://127.0.0.1:9444`, with the port that it really got. */
  readonly url: string;
  readonly port: number;
  readonly roll: Roll;
  /** What it judges new connections by. */
  trust(): Trust;
  /**
   * Judges by this from now on. No connection is cut: one that is open is answered once more, and asked to
   * come again, as by an nginx that was reloaded. Throws, and stays as it was, where OpenSSL does not take it.
   */
  present(trust: Trust): void;
  close(): Promise<void>;
}

const HANDSHAKE_MS = 10_000;
const HEADERS_MS = 10_000;
const REQUEST_MS = 60_000;
const MAX_CONNECTIONS = 4_096;
/** nginx's client_max_body_size. */
const MOST_BODY_OCTETS = 1024 * 1024;
const ONLINE_SECONDS = 600;

const tlsOptions = ({ identity }: GatewayInput, trust: Trust) => ({
  key: identity.key,
  cert: identity.certificate,
  ca: trust.ca,
  ...(trust.crls.length === 0 ? {} : { crl: [...trust.crls] }),
  minVersion: 'TLSv1.2' as const,
  // Debian's level, which its nginx and HAProxy have: no RSA below 2048 bits, no SHA-1 in a chain.
  ciphers: 'DEFAULT@SECLEVEL=2',
  // A device that was revoked must not come back by a ticket.
  secureOptions: constants.SSL_OP_NO_TICKET,
});

function send(res: ServerResponse, answer: RouteAnswer, headers: Readonly<Record<string, string>>): void {
  const content = answer.body === '' ? {} : { 'Content-Type': answer.type };
  const allow = answer.allow === undefined ? {} : { Allow: answer.allow };
  const length = { 'Content-Length': String(Buffer.byteLength(answer.body)) };
  res.writeHead(answer.status, { ...content, ...allow, ...length, ...headers });
  res.end(answer.body);
}

const plain = (status: number, body: string): RouteAnswer => ({
  status,
  type: 'text/plain; charset=utf-8',
  body: `${body}\n`,
  route: null,
});

/** As nginx: the handshake is done, and HTTP says that it was for nothing. */
const refusalAnswer = ({ code, reason }: Refusal): RouteAnswer =>
  code === 'NO_CERTIFICATE'
    ? plain(400, 'No required SSL certificate was sent')
    : plain(400, `The SSL certificate error: ${reason} [${code}]`);

const CLOSE = { Connection: 'close' } as const;

/**
 * Reads a body to its end and drops it: reports of devices are nobody's business here, and one of them holds
 * the PIN of a token. False where it is longer than nginx takes.
 */
async function drain(req: IncomingMessage): Promise<boolean> {
  let octets = 0;
  for await (const piece of req as AsyncIterable<Buffer>) {
    octets += piece.length;
    if (octets > MOST_BODY_OCTETS) return false;
  }
  return true;
}

const deviceHeaders = ({ id: { deviceId } }: Peer): Readonly<Record<string, string>> => ({
  'x-ats-namespace': 'default',
  ...(deviceId === '' ? {} : { 'x-ats-device-uuid': deviceId }),
});

async function listen(server: Server, host: string, port: number): Promise<number> {
  server.listen(port, host);
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** Starts a gateway. Rejects with the system's error where the address is not to be had. */
export async function startGateway(input: GatewayInput): Promise<Gateway> {
  const { clock, host, look = () => undefined } = input;
  const roll = createRoll(clock, input.onlineSeconds ?? ONLINE_SECONDS);
  const judgements = new WeakMap<object, Judgement & { readonly by: Trust | null }>();
  let trust = input.trust;
  let changedAt = Number.NEGATIVE_INFINITY;
  /** A handshake that began before a change ends by what was trusted then: nobody can tell which one did. */
  const judgedBy = (): Trust | null => (performance.now() - changedAt < HANDSHAKE_MS ? null : trust);

  const server = createServer({
    ...tlsOptions(input, trust),
    requestCert: true,
    // The handshake is finished with whoever comes, as by nginx; the answer is in HTTP.
    rejectUnauthorized: false,
    handshakeTimeout: HANDSHAKE_MS,
    headersTimeout: HEADERS_MS,
    requestTimeout: REQUEST_MS,
  });
  server.maxConnections = MAX_CONNECTIONS;

  const refuse = (peer: Peer | null, refusal: Refusal, address: string): void => {
    look({ kind: 'refused', refusal: roll.refuse(peer, refusal, address) });
  };

  server.prependListener('secureConnection', (socket: TLSSocket) => {
    const judgement = judge(socket, trust, clock.now());
    judgements.set(socket, { ...judgement, by: judgedBy() });
    const { peer, refusal } = judgement;
    if (refusal) refuse(peer, refusal, socket.remoteAddress ?? '');
    else if (peer) look({ kind: 'admitted', ...roll.admit(peer), protocol: socket.getProtocol() ?? '' });
  });
  server.on('tlsClientError', (failure: NodeJS.ErrnoException, socket) => {
    refuse(null, failureOf(failure.code ?? failure.message), socket.remoteAddress ?? '');
    socket.destroy();
  });

  async function answer(req: IncomingMessage, res: ServerResponse): Promise<void> {
    const judgement = judgements.get(req.socket);
    const { method = 'GET', url: target = '/' } = req;
    if (!judgement?.peer || judgement.refusal) {
      if (judgement?.refusal) send(res, refusalAnswer(judgement.refusal), CLOSE);
      else req.socket.destroy();
      return;
    }
    const { peer, by } = judgement;
    const isWhole = await drain(req);
    const due = isWhole
      ? answerDevice(method, target, peer.id.deviceId)
      : plain(413, 'The body is too large');
    roll.call(peer, due.route, requestWarning(target));
    const path = target.replace(/\?.*$/s, '');
    look({ kind: 'called', deviceId: peer.id.deviceId, method, path, status: due.status });
    send(res, due, { ...deviceHeaders(peer), ...(by === trust && isWhole ? {} : CLOSE) });
  }

  server.on('request', (req, res) => {
    // A body that breaks off is the device's affair: its connection is gone.
    answer(req, res).catch(() => req.socket.destroy());
  });

  const port = await listen(server, host, input.port);
  return {
    url: `https://${host.includes(':') ? `[${host}]` : host}:${port}`,
    port,
    roll,
    trust: () => trust,
    present: (next) => {
      server.setSecureContext(tlsOptions(input, next));
      trust = next;
      changedAt = performance.now();
      look({ kind: 'trust-changed', trust: next });
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}
