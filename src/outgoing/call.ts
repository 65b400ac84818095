import { lookup } from 'node:dns/promises';
import { Agent as PlainAgent, request as requestPlain } from 'node:http';
import { Agent, request as requestTls } from 'node:https';
import { isIP } from 'node:net';
import { addressFault, hostOf, type Reach, urlFault } from './reach.ts';

/** Why there is no answer. `down`: the next call would fare the same. */
export class CallFailure extends Error {
  override readonly name = 'CallFailure';
  readonly isDown: boolean;

  constructor(message: string, { isDown, cause }: { isDown: boolean; cause?: unknown }) {
    super(message, { cause });
    this.isDown = isDown;
  }
}

export interface CallWish {
  readonly url: URL;
  readonly method: 'PUT' | 'POST' | 'DELETE';
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string;
}

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
  /** What it asks for before the next call, milliseconds; 0: nothing. */
  readonly waitMs: number;
}

/** One destination's connections, and whom it is to be known by. */
export interface Line {
  call(wish: CallWish): Promise<Answer>;
  /** True from the moment at which its calls are broken off. */
  isEnded(): boolean;
  close(): void;
}

export interface LineTerms {
  readonly reach: Reach;
  /** From the look-up of the name to the last octet of the answer. */
  readonly timeoutMs: number;
  /** PEM; null: the public CAs. */
  readonly serverCa: string | null;
  /** Ends the calls under way. */
  readonly signal: AbortSignal;
  /** All addresses of a name. */
  readonly resolve?: (host: string) => Promise<readonly string[]>;
}

/** Most connections at a time. */
export const LANES = 8;
/** What is read of an answer: a registry's is one UUID. */
const MOST_OCTETS = 64 * 1024;

const resolveName = async (host: string): Promise<readonly string[]> =>
  (await lookup(host, { all: true, order: 'ipv4first' })).map(({ address }) => address);

/** The one address that is connected to: what was looked at cannot become another on the way. */
async function addressOf(url: URL, { reach, resolve = resolveName }: LineTerms): Promise<string> {
  const host = hostOf(url);
  const addresses = isIP(host) === 0 ? await resolve(host) : [host];
  for (const address of addresses) {
    const fault = addressFault(address, host, reach);
    if (fault !== undefined) throw new CallFailure(`The host ${fault}.`, { isDown: true });
  }
  const [first] = addresses;
  if (first === undefined) throw new CallFailure('The host has no address.', { isDown: true });
  return first;
}

const CERTIFICATE = /^(ERR_TLS_|CERT_|UNABLE_TO_|DEPTH_ZERO_|SELF_SIGNED_|HOSTNAME_|INVALID_CA|ERR_SSL_)/;
const CUT = ['ECONNRESET', 'EPIPE', 'ERR_HTTP_CONTENT_LENGTH_MISMATCH'];

/** In our words: what a library says of a call may hold what was sent. */
function failureOf(cause: unknown, { signal, timeoutMs }: LineTerms): CallFailure {
  if (cause instanceof CallFailure) return cause;
  const code = String((cause as { code?: unknown }).code ?? '');
  const isTimeout = (cause as Error).name === 'TimeoutError' || (cause as Error).name === 'AbortError';
  if (signal.aborted) return new CallFailure('The service ended.', { isDown: true, cause });
  if (isTimeout)
    return new CallFailure(`There was no answer within ${timeoutMs / 1000} seconds.`, {
      isDown: true,
      cause,
    });
  if (CERTIFICATE.test(code))
    return new CallFailure(`The server's certificate is not to be trusted (${code}).`, {
      isDown: true,
      cause,
    });
  if (CUT.includes(code) || code.startsWith('HPE_'))
    return new CallFailure(`The connection broke before the answer was whole (${code}).`, {
      isDown: false,
      cause,
    });
  return new CallFailure(`The server cannot be reached (${code || 'no reason given'}).`, {
    isDown: true,
    cause,
  });
}

/** Retry-After (RFC 9110, 10.2.3), seconds or a date, as milliseconds from now; 0 where it says nothing. */
export function retryAfterMs(value: string | undefined, now: number): number {
  if (value === undefined) return 0;
  if (/^\d{1,9}$/.test(value)) return 1000 * Number(value);
  const at = Date.parse(value);
  return Number.isNaN(at) ? 0 : Math.max(0, at - now);
}

async function readAnswer(pieces: AsyncIterable<Buffer>): Promise<Buffer> {
  const kept: Buffer[] = [];
  let octets = 0;
  for await (const piece of pieces) {
    octets += piece.length;
    if (octets > MOST_OCTETS)
      throw new CallFailure(`The answer has more than ${MOST_OCTETS} octets.`, { isDown: false });
    kept.push(piece);
  }
  return Buffer.concat(kept);
}

/**
 * Opens a line. A call goes to hosts within reach alone, looks the host's name up once, refuses addresses that are out of reach, and connects to
 * the one that it looked at; TLS is verified whatever the environment says; a redirect is an answer like any
 * other. `call` rejects with `CallFailure`, and with nothing else.
 */
export function openLine(terms: LineTerms): Line {
  const lanes = { keepAlive: true, maxSockets: LANES };
  const plain = new PlainAgent(lanes);
  const secure = new Agent(lanes);

  const send = async ({ url, method, headers, body }: CallWish, signal: AbortSignal): Promise<Answer> => {
    // Whoever was allowed when the destination was made may be so no longer.
    const fault = urlFault(url.href, terms.reach);
    if (fault !== undefined) throw new CallFailure(`The URL ${fault}.`, { isDown: true });
    const address = await addressOf(url, terms);
    const host = hostOf(url);
    const common = {
      host: address,
      port: url.port || (url.protocol === 'https:' ? 443 : 80),
      path: `${url.pathname}${url.search}`,
      method,
      signal,
      headers: {
        ...headers,
        host: url.host,
        'user-agent': 'fleetca',
        ...(body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }),
      },
    };
    return new Promise<Answer>((resolve, reject) => {
      const request =
        url.protocol === 'https:'
          ? requestTls({
              ...common,
              agent: secure,
              servername: isIP(host) === 0 ? host : '',
              rejectUnauthorized: true,
              minVersion: 'TLSv1.2',
              ...(terms.serverCa === null ? {} : { ca: terms.serverCa }),
            })
          : requestPlain({ ...common, agent: plain });
      request.once('error', reject);
      request.once('response', (incoming) => {
        const { statusCode: status = 0, headers: said } = incoming;
        const waitMs = retryAfterMs(said['retry-after'], Date.now());
        readAnswer(incoming).then((read) => resolve({ status, body: read, waitMs }), reject);
      });
      request.end(body);
    });
  };

  return {
    call: async (wish) => {
      const timeout = AbortSignal.timeout(terms.timeoutMs);
      const signal = AbortSignal.any([terms.signal, timeout]);
      const ended = new Promise<never>((_, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
      try {
        signal.throwIfAborted();
        // A look-up of a name cannot be broken off; nobody waits for it any longer.
        return await Promise.race([send(wish, signal), ended]);
      } catch (cause) {
        throw failureOf(cause, terms);
      }
    },
    isEnded: () => terms.signal.aborted,
    close: () => {
      plain.destroy();
      secure.destroy();
    },
  };
}
