import { constants } from 'node:crypto';
import {
  createServer as createHttpServer,
  type Server as HttpServer,
  type IncomingMessage,
  type RequestListener,
  type ServerResponse,
} from 'node:http';
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { noteExpectation } from './expect-continue.ts';
import type { TlsCredentials } from './tls-credentials.ts';

/** Time for a client's header fields; the request's own has no limit, for a lot may take hours to send. */
const HEADERS_TIMEOUT_MS = 10_000;
/** Idle connections; clients that keep one open between requests send within this. */
const KEEP_ALIVE_MS = 65_000;
const MAX_HEADER_OCTETS = 16 * 1024;
/** Connections at one time: each costs some 50 kB, and TLS twice that. */
const MAX_CONNECTIONS = 2_048;

export interface Listener {
  /** `https://127.0.0.1:8443`, with the port that it really got. */
  readonly url: string;
  /** Takes no new connection, lets answers under way end for `graceMs`, then cuts what is left. */
  close(graceMs: number): Promise<void>;
}

export interface ListenAt {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
}

const LIMITS = {
  headersTimeout: HEADERS_TIMEOUT_MS,
  requestTimeout: 0,
  keepAliveTimeout: KEEP_ALIVE_MS,
  maxHeaderSize: MAX_HEADER_OCTETS,
  // How often Node looks for connections whose header fields are late.
  connectionsCheckingInterval: 1_000,
  noDelay: true,
  keepAlive: true,
} as const;

const STATUS_OF: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: '431 Request Header Fields Too Large',
  ERR_HTTP_REQUEST_TIMEOUT: '408 Request Timeout',
};

/** The answers that are due on each connection, in order: clients may send requests ahead. */
type DueAnswers = WeakMap<Socket, readonly ServerResponse[]>;

function noteAnswer(due: DueAnswers, { socket }: IncomingMessage, res: ServerResponse): void {
  due.set(socket, [...(due.get(socket) ?? []), res]);
  res.once('close', () =>
    due.set(
      socket,
      (due.get(socket) ?? []).filter((one) => one !== res),
    ),
  );
}

/**
 * What cannot be read as HTTP is answered in HTTP, and the connection ends. Never in the middle of
 * another answer, and never where the client would take it for the answer to a request that was whole.
 */
function refuseGarbage(error: NodeJS.ErrnoException, socket: Socket, due: readonly ServerResponse[]): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const status = STATUS_OF[error.code ?? ''] ?? '400 Bad Request';
  const answer = (): void =>
    void socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\nContent-Length: 0\r\n\r\n`);
  const last = due.at(-1);
  if (!last) answer();
  else if (last.req.complete) last.once('finish', answer);
  // It stands in the body of the one request that waits for its answer.
  else if (due.length === 1 && !last.headersSent) answer();
  else socket.destroy();
}

function prepare(server: HttpServer | HttpsServer, app: RequestListener): void {
  const due: DueAnswers = new WeakMap();
  const refused = new WeakSet<Socket>();
  server.maxConnections = MAX_CONNECTIONS;
  server.on('request', (req, res) => {
    noteAnswer(due, req, res);
    app(req, res);
  });
  server.on('checkContinue', (req, res) => {
    noteAnswer(due, req, res);
    noteExpectation(req);
    app(req, res);
  });
  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    // What goes on coming after it is the same garbage.
    if (refused.has(socket)) return;
    refused.add(socket);
    refuseGarbage(error, socket, due.get(socket) ?? []);
  });
}

function listen(server: HttpServer | HttpsServer, { host, port }: ListenAt): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen({ host, port }, () => {
      server.off('error', reject);
      resolve((server.address() as AddressInfo).port);
    });
  });
}

const authority = (host: string, port: number): string =>
  `${host.includes(':') ? `[${host}]` : host}:${port}`;

async function start(
  server: HttpServer | HttpsServer,
  app: RequestListener,
  at: ListenAt,
  scheme: 'http' | 'https',
): Promise<Listener> {
  prepare(server, app);
  const port = await listen(server, at);
  return {
    url: `${scheme}://${authority(at.host, port)}`,
    close: (graceMs) => close(server, graceMs),
  };
}

function close(server: HttpServer | HttpsServer, graceMs: number): Promise<void> {
  return new Promise((resolve) => {
    // A connection whose answer has just ended counts as idle only then.
    const sweep = setInterval(() => server.closeIdleConnections(), 100);
    const cut = setTimeout(() => server.closeAllConnections(), graceMs);
    server.close(() => {
      clearInterval(sweep);
      clearTimeout(cut);
      resolve();
    });
  });
}

export interface TlsListener extends Listener {
  /** Presents these to new connections; those that are open keep theirs. */
  present(credentials: TlsCredentials): void;
}

const tlsOptions = ({ key, certificate }: TlsCredentials) =>
  ({ key, cert: certificate, minVersion: 'TLSv1.2' }) as const;

async function startTls(
  app: RequestListener,
  at: ListenAt,
  credentials: TlsCredentials,
  peers: {
    readonly requestCert?: true;
    readonly rejectUnauthorized?: false;
    readonly secureOptions?: number;
  },
): Promise<TlsListener> {
  const server = createHttpsServer({ ...LIMITS, ...tlsOptions(credentials), ...peers });
  // A handshake that fails is the client's affair; without a listener the connection would only hang.
  server.on('tlsClientError', (_error, socket) => socket.destroy());
  return {
    ...(await start(server, app, at, 'https')),
    present: (next) => server.setSecureContext({ ...tlsOptions(next), ...peers }),
  };
}

/** Listens with TLS 1.2 and 1.3. Rejects with the system's error where the address is not to be had. */
export const listenHttps = (
  app: RequestListener,
  at: ListenAt,
  credentials: TlsCredentials,
): Promise<TlsListener> => startTls(app, at, credentials, {});

/**
 * The same, and every client is asked for a certificate. TLS proves that it has the key; whose it is, and
 * that there is one at all, is for the application to say, in HTTP, so that the client hears why. No CA is
 * named to the client: any certificate may be on record. No session is resumed: a peer that was revoked
 * must not come back by a ticket.
 */
export const listenMutual = (
  app: RequestListener,
  at: ListenAt,
  credentials: TlsCredentials,
): Promise<TlsListener> =>
  startTls(app, at, credentials, {
    requestCert: true,
    rejectUnauthorized: false,
    secureOptions: constants.SSL_OP_NO_TICKET,
  });

/** Listens in plain HTTP. Rejects with the system's error where the address is not to be had. */
export const listenHttp = (app: RequestListener, at: ListenAt): Promise<Listener> =>
  start(createHttpServer(LIMITS), app, at, 'http');
