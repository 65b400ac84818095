import { request } from 'node:https';
import type { TLSSocket } from 'node:tls';

/** What a device has in its import folder, as texts. */
export interface DeviceFiles {
  /** For people. */
  readonly name: string;
  /** client.pem */
  readonly chain: string;
  /** pkey.pem */
  readonly key: string;
  /** root.crt */
  readonly root: string;
  /** gateway.url */
  readonly url: string;
}

/** How a first boot went, from the device's side. */
export interface Boot {
  readonly name: string;
  /** Every report was taken; the metadata may be missing. */
  readonly isOnline: boolean;
  readonly requests: number;
  /** Those that were finished, with a refusal in HTTP after it or without. */
  readonly handshakes: number;
  /** Milliseconds each of them took. */
  readonly handshakeMs: readonly number[];
  /** The first thing that went wrong for good; null: nothing. */
  readonly failure: string | null;
}

/** The client's requests at its first boot, in order; each over a connection of its own. */
const SEQUENCE = [
  { method: 'POST', path: '/director/ecus', due: 'taken' },
  { method: 'PUT', path: '/system_info', due: 'taken' },
  { method: 'PUT', path: '/core/installed', due: 'taken' },
  { method: 'PUT', path: '/system_info/network', due: 'taken' },
  { method: 'POST', path: '/system_info/config', due: 'taken' },
  { method: 'PUT', path: '/director/manifest', due: 'taken' },
  { method: 'GET', path: '/director/1.root.json', due: 'answered' },
] as const;
type Step = (typeof SEQUENCE)[number];

/** As the client: a request that fails is tried three times. */
const TRIES = 3;
const TIMEOUT_MS = 20_000;

interface Answer {
  /** undefined: none came. */
  readonly status: number | undefined;
  readonly handshakeMs: number | undefined;
  readonly failure: string | null;
}

const lineOf = (text: string): string => text.trim().split('\n', 1)[0]?.slice(0, 200) ?? '';

function failureOf({ due }: Step, status: number, text: string): string | null {
  if (status >= 200 && status < 400) return null;
  if (due === 'answered' && status === 404) return null;
  // nginx answers with a page.
  return `${status} ${lineOf(text.replace(/<[^>]*>/g, ' ').replace(/\s+/g, ' '))}`.trim();
}

function send(files: DeviceFiles, step: Step, signal: AbortSignal): Promise<Answer> {
  const since = performance.now();
  let handshakeMs: number | undefined;
  return new Promise((resolve) => {
    const fail = (failure: NodeJS.ErrnoException): void =>
      resolve({ status: undefined, handshakeMs, failure: failure.code ?? failure.message });
    try {
      const { method, path } = step;
      const body = method === 'GET' ? '' : '{}';
      const headers = method === 'GET' ? {} : { 'Content-Type': 'application/json', 'Content-Length': '2' };
      const { chain: cert, key, root: ca } = files;
      // The path is appended to the URL as it stands: with a slash at its end every path is doubled.
      const at = new URL(files.url.trim());
      const target = {
        host: at.hostname,
        port: at.port || 443,
        path: `${at.pathname.replace(/^\/$/, '')}${path}`,
      };
      const req = request({
        ...target,
        method,
        headers,
        agent: false,
        cert,
        key,
        ca,
        signal,
        timeout: TIMEOUT_MS,
      });
      req.on('socket', (socket: TLSSocket) =>
        socket.once('secureConnect', () => {
          handshakeMs = performance.now() - since;
        }),
      );
      req.on('timeout', () => req.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })));
      req.on('error', fail);
      req.on('response', (res) => {
        let text = '';
        res.setEncoding('utf8').on('data', (piece: string) => {
          text = (text + piece).slice(0, 2000);
        });
        res.on('error', fail);
        res.on('end', () => {
          const status = res.statusCode ?? 0;
          resolve({ status, handshakeMs, failure: failureOf(step, status, text) });
        });
      });
      req.end(body);
    } catch (failure) {
      // A key or a chain that OpenSSL does not read, or a URL that is none: the device never comes to a call.
      fail(failure as NodeJS.ErrnoException);
    }
  });
}

/** A request with its repetitions; the last answer decides. */
async function attempt(files: DeviceFiles, step: Step, signal: AbortSignal): Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  while (answers.length < TRIES && !signal.aborted) {
    const answer = await send(files, step, signal);
    answers.push(answer);
    if (answer.failure === null) break;
  }
  return answers;
}

/**
 * Boots a device for the first time against its gateway, over real TLS. Never rejects: what goes wrong is in
 * the outcome. After a request that failed for good the rest is left out; the client would go on, and fail.
 */
export async function bootDevice(files: DeviceFiles, signal: AbortSignal): Promise<Boot> {
  const answers: Answer[] = [];
  let failure: string | null = null;
  for (const step of SEQUENCE) {
    answers.push(...(await attempt(files, step, signal)));
    failure = answers.at(-1)?.failure ?? null;
    if (failure !== null || signal.aborted) break;
  }
  const handshakeMs = answers.map((answer) => answer.handshakeMs).filter((time) => time !== undefined);
  return {
    name: files.name,
    isOnline: failure === null && !signal.aborted,
    requests: answers.length,
    handshakes: handshakeMs.length,
    handshakeMs,
    failure,
  };
}
