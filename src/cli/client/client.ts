import type { IncomingMessage } from 'node:http';
import { type Agent, request } from 'node:https';
import { pipeline } from 'node:stream/promises';
import type { PkiError } from '../../errors.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { connectionFailure } from './connection-failure.ts';
import { endpointOf } from './pin.ts';
import { refusalOf } from './problem.ts';
import { repeat } from './repeat.ts';
import { type ClientSettings, readClientSettings } from './settings.ts';
import { type Identity, trustingAgent } from './trusting-agent.ts';

/** One call to the service. */
export interface ApiCall {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** Segments must be encoded already. */
  readonly path: string;
  readonly query?: Readonly<Record<string, string | number | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text is sent whole, octets are streamed while the answer is read. */
  readonly body?: string | AsyncIterable<Uint8Array>;
  /** Published pages need no token. */
  readonly isOpen?: true;
  /** The same call twice is the same as once, so it may be repeated where its fate is not known. */
  readonly isRepeatable?: true;
  /** Ends the call, wherever it stands. */
  readonly signal?: AbortSignal;
}

export interface Client {
  /** Resolves with the head of a good answer. Rejects with `PkiError` for a refusal, else with `LocalFailure`. */
  send(call: ApiCall): Promise<IncomingMessage>;
  /** The octets of an answer. Throws `cut-off` where it ends early. */
  read(answer: IncomingMessage): AsyncGenerator<Buffer>;
}

/** A connection on which nothing moves. Making a large RSA key takes the service some ten seconds. */
const PATIENCE_MS = 120_000;
/** Most octets of a refusal. */
const MAX_PROBLEM_OCTETS = 256 * 1024;

/** Encodes a segment of a path. */
export const segment = (text: string): string => encodeURIComponent(text);

function targetOf({ path, query = {} }: ApiCall): string {
  const given = Object.entries(query).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return given.length === 0 ? path : `${path}?${given.join('&')}`;
}

function authorization({ isOpen }: ApiCall, { token }: ClientSettings): Readonly<Record<string, string>> {
  if (isOpen) return {};
  if (token !== null) return { Authorization: `Bearer ${token}` };
  throw new LocalFailure('no-token', 'No token was given, and none can be read in the data folder.', {
    hint: 'name a file with --token-file or FLEETCA_TOKEN_FILE; on the machine of the service, say where its data folder is with --data',
  });
}

function start(agent: Agent, settings: ClientSettings, call: ApiCall): Promise<IncomingMessage> {
  const { host, port } = endpointOf(settings.url);
  const { method, signal, body } = call;
  const headers = { ...call.headers, ...authorization(call, settings) };
  return new Promise((resolve, reject) => {
    const req = request({ agent, host, port, method, path: targetOf(call), headers });
    // After the head of the answer has come, its reader finds out what went wrong.
    req.on('error', reject);
    req.setTimeout(PATIENCE_MS, () => {
      req.destroy(Object.assign(new Error('nothing moves'), { code: 'ETIMEDOUT' }));
    });
    if (body === undefined || typeof body === 'string') req.end(body);
    else pipeline(body, req).catch(reject);
    const abort = (): void => void req.destroy(new Error('the call was given up'));
    signal?.addEventListener('abort', abort, { once: true });
    req.once('close', () => signal?.removeEventListener('abort', abort));
    if (signal?.aborted) abort();
    req.once('response', resolve);
  });
}

async function readProblem(answer: IncomingMessage): Promise<PkiError | LocalFailure> {
  const pieces: Buffer[] = [];
  let octets = 0;
  for await (const piece of answer) {
    octets += piece.length;
    if (octets <= MAX_PROBLEM_OCTETS) pieces.push(piece);
  }
  return refusalOf(
    answer.statusCode ?? 0,
    Buffer.concat(pieces).toString('utf8'),
    answer.headers['retry-after'],
  );
}

/** Makes a client on connections that lead to the service alone. */
function createClient(agent: Agent, settings: ClientSettings): Client {
  const explain = (failure: unknown): unknown => connectionFailure(failure, settings.url, settings.trust);

  async function sendOnce(call: ApiCall): Promise<IncomingMessage> {
    try {
      const answer = await start(agent, settings, call);
      const status = answer.statusCode ?? 0;
      if (status >= 200 && status < 300) return answer;
      throw await readProblem(answer);
    } catch (failure) {
      throw explain(failure);
    }
  }

  const send = (call: ApiCall): Promise<IncomingMessage> =>
    (call.isRepeatable ?? call.method === 'GET') ? repeat(() => sendOnce(call)) : sendOnce(call);

  async function* read(answer: IncomingMessage): AsyncGenerator<Buffer> {
    try {
      for await (const piece of answer) yield piece;
    } catch (failure) {
      throw explain(failure);
    }
  }

  return { send, read };
}

/** Opens a client for a command, and closes its connections when the command is done. */
export async function withClient<T>(
  { globals }: Invocation,
  act: (client: Client) => Promise<T>,
  identity: Identity = {},
): Promise<T> {
  const settings = await readClientSettings(globals);
  let agent: Agent;
  try {
    agent = await trustingAgent(settings, identity);
  } catch (failure) {
    throw connectionFailure(failure, settings.url, settings.trust);
  }
  try {
    return await act(createClient(agent, settings));
  } finally {
    agent.destroy();
  }
}
