import { isIP } from 'node:net';
import { connect, type TLSSocket } from 'node:tls';
import { type Alert, alertOf } from './alerts.ts';

export const TLS_VERSIONS = ['TLSv1.2', 'TLSv1.3'] as const;
export type TlsVersion = (typeof TLS_VERSIONS)[number];

/** Whom to call, how, and with what. */
export interface Call {
  readonly host: string;
  readonly port: number;
  readonly version: TlsVersion;
  /** PEM: what the server is known by, and by nothing else. */
  readonly serverRoots: string;
  /** PEM; null: no certificate is presented. */
  readonly credentials: { readonly key: string; readonly chain: string } | null;
}

/** How a call ended. */
export type Ending =
  /** HTTP was answered. */
  | { readonly kind: 'answered'; readonly status: number; readonly text: string }
  /** The handshake was done, and nothing came within the time. */
  | { readonly kind: 'silent' }
  | { readonly kind: 'alert'; readonly alert: Alert }
  /** The server is not known by its root, or is another: in Node's words. */
  | { readonly kind: 'untrusted'; readonly reason: string }
  | { readonly kind: 'other-name'; readonly reason: string }
  /** Hung up without a word. */
  | { readonly kind: 'closed'; readonly reason: string }
  | { readonly kind: 'unreachable'; readonly reason: string }
  | { readonly kind: 'no-tls'; readonly reason: string };

const TIMEOUT_MS = 10_000;
/** Enough of a page to know an error of nginx by. */
const MOST_CHARACTERS = 4096;

interface Progress {
  connected: boolean;
  secured: boolean;
  text: string;
}

const ENDINGS: readonly (readonly [RegExp, Ending['kind']])[] = [
  [/^ERR_TLS_CERT_ALTNAME_INVALID$/, 'other-name'],
  [/^(?:ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG|HTTP_REQUEST|UNKNOWN_PROTOCOL))$/, 'no-tls'],
  [/^(?:ECONNRESET|EPIPE|ERR_SSL_UNEXPECTED_EOF_WHILE_READING)$/, 'closed'],
];
/** OpenSSL's verdicts on the server's chain, which Node passes on without a prefix. */
const VERDICT = /CERT|SIGNATURE|ISSUER|CA$|PURPOSE|CHAIN/;

function endingOf(failure: NodeJS.ErrnoException, progress: Progress): Ending {
  const code = failure.code ?? failure.message;
  const alert = alertOf(failure.code);
  if (alert) return { kind: 'alert', alert };
  const known = ENDINGS.find(([form]) => form.test(code))?.[1];
  if (!progress.connected) return { kind: 'unreachable', reason: code };
  if (known === 'other-name' || known === 'no-tls' || known === 'closed')
    return { kind: known, reason: code };
  return VERDICT.test(code) ? { kind: 'untrusted', reason: code } : { kind: 'closed', reason: code };
}

/** What was answered, where it was HTTP. */
function answerOf({ text, secured }: Progress): Ending {
  const [, status] = /^HTTP\/1\.[01] (\d{3})/.exec(text) ?? [];
  if (status !== undefined) return { kind: 'answered', status: Number(status), text };
  return secured ? { kind: 'closed', reason: 'no answer' } : { kind: 'closed', reason: 'no handshake' };
}

const requestFor = (host: string): string =>
  `GET / HTTP/1.1\r\nHost: ${host}\r\nUser-Agent: fleetca-check\r\nAccept: */*\r\nConnection: close\r\n\r\n`;

function watch(socket: TLSSocket, call: Call, done: (ending: Ending) => void): void {
  const progress: Progress = { connected: false, secured: false, text: '' };
  socket.setTimeout(TIMEOUT_MS, () =>
    done(progress.secured ? { kind: 'silent' } : { kind: 'unreachable', reason: 'ETIMEDOUT' }),
  );
  socket.on('connect', () => {
    progress.connected = true;
  });
  socket.on('secureConnect', () => {
    progress.secured = true;
    socket.write(requestFor(call.host));
  });
  socket.setEncoding('utf8').on('data', (piece: string) => {
    progress.text += piece;
    if (progress.text.length > MOST_CHARACTERS) done(answerOf(progress));
  });
  // An error after an answer is a hasty close.
  socket.on('error', (failure) =>
    done(progress.text === '' ? endingOf(failure, progress) : answerOf(progress)),
  );
  socket.on('close', () => done(answerOf(progress)));
}

/**
 * Calls once, with one version of TLS, and asks for `/`: with TLS 1.3, and at nginx always, a gateway that
 * refuses says so after the handshake. Never rejects, but where key and chain cannot be loaded.
 */
export function callGateway(call: Call): Promise<Ending> {
  const { host, port, version, serverRoots, credentials } = call;
  return new Promise((resolve) => {
    const socket = connect({
      host,
      port,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      ca: serverRoots,
      ...(credentials === null ? {} : { key: credentials.key, cert: credentials.chain }),
      minVersion: version,
      maxVersion: version,
      rejectUnauthorized: true,
    });
    watch(socket, call, (ending) => {
      resolve(ending);
      socket.destroy();
    });
  });
}
