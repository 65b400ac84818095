import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { Agent, type RequestOptions, request } from 'node:https';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { PkiError, REFUSAL_CODES } from '../../errors.ts';
import { LocalFailure } from '../local-failure.ts';

/** What a client of the service has in hand: its address and the certificate it trusts. */
export interface ApiInput {
  readonly url: string;
  /** PEM; null: the system's own roots. */
  readonly ca: string | null;
}

export interface Call {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly path: string;
  readonly token?: string;
  /** A body of JSON. */
  readonly json?: unknown;
}

/** The service's REST API over HTTPS. A refusal arrives as the `PkiError` that the service threw. */
export interface Api {
  /** The whole answer as text. */
  call(call: Call): Promise<string>;
  /** Streams lines up and gives the lines of the answer as they come, while the sending goes on. */
  exchange(path: string, token: string, lines: Iterable<string>): AsyncGenerator<string>;
  close(): void;
}

const problemSchema = z.object({ code: z.enum(REFUSAL_CODES), detail: z.string() });

async function readText(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  for await (const piece of response) pieces.push(piece as Buffer);
  return Buffer.concat(pieces).toString('utf8');
}

function refusalOf(what: string, status: number | undefined, body: string): Error {
  const unexpected = new LocalFailure(
    'service-defect',
    `The service answered ${what} with status ${status ?? '?'}: ${body.slice(0, 500)}`,
  );
  try {
    const { data } = problemSchema.safeParse(JSON.parse(body));
    return data ? new PkiError(data.code, `${what}: ${data.detail}`) : unexpected;
  } catch (cause) {
    // Not JSON: not an answer of ours, and the text says more than the parser does.
    if (cause instanceof SyntaxError) return unexpected;
    throw cause;
  }
}

const isSuccess = ({ statusCode = 0 }: IncomingMessage): boolean => statusCode >= 200 && statusCode < 300;

async function* splitLines(response: IncomingMessage): AsyncGenerator<string> {
  response.setEncoding('utf8');
  let rest = '';
  for await (const piece of response) {
    const parts = (rest + String(piece)).split('\n');
    rest = parts.pop() ?? '';
    yield* parts;
  }
  if (rest !== '') yield rest;
}

/** Opens connections to the API; `close` ends them. */
export function connectApi({ url, ca }: ApiInput): Api {
  const agent = new Agent({ keepAlive: true, ...(ca === null ? {} : { ca }) });
  const optionsOf = (method: string, token: string | undefined, type: string | null): RequestOptions => ({
    agent,
    method,
    headers: {
      Accept: '*/*',
      ...(type === null ? {} : { 'Content-Type': type }),
      ...(token === undefined ? {} : { Authorization: `Bearer ${token}` }),
    },
  });

  async function call({ method, path, token, json }: Call): Promise<string> {
    const body = json === undefined ? null : JSON.stringify(json);
    const sent = request(
      new URL(path, url),
      optionsOf(method, token, body === null ? null : 'application/json'),
    );
    sent.end(body ?? undefined);
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    // From here on a broken connection shows where the answer is read.
    sent.on('error', () => undefined);
    const text = await readText(response);
    if (isSuccess(response)) return text;
    throw refusalOf(`${method} ${path}`, response.statusCode, text);
  }

  async function* exchange(path: string, token: string, lines: Iterable<string>): AsyncGenerator<string> {
    const sent = request(new URL(path, url), optionsOf('POST', token, 'application/x-ndjson'));
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
    const sending = pipeline(Readable.from(withLineEnds(lines)), sent);
    // The answer says more than a broken upload; whoever awaits `sending` still gets its failure.
    sending.catch(() => undefined);
    const [response] = await answered;
    if (!isSuccess(response)) throw refusalOf(`POST ${path}`, response.statusCode, await readText(response));
    yield* splitLines(response);
    await sending;
  }

  return { call, exchange, close: () => agent.destroy() };
}

function* withLineEnds(lines: Iterable<string>): Generator<Buffer> {
  for (const line of lines) yield Buffer.from(`${line}\n`);
}
