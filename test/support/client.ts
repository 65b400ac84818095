/** A client of the API that trusts the service's own CA, and holds every answer against openapi.yaml. */
import { readFileSync } from 'node:fs';
import { type IncomingHttpHeaders, type IncomingMessage, request as requestPlain } from 'node:http';
import { Agent, request as requestTls } from 'node:https';
import { checkExchange } from './openapi.ts';

export interface CallWish {
  readonly token?: string;
  /** Sent as application/json. */
  readonly json?: unknown;
  readonly body?: string | Uint8Array;
  readonly type?: string;
  readonly accept?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
  text(): string;
  // biome-ignore lint/suspicious/noExplicitAny: its form was held against openapi.yaml
  json(): any;
  // biome-ignore lint/suspicious/noExplicitAny: as above
  lines(): readonly any[];
  /** The code of a problem. */
  code(): string;
}

export interface Client {
  readonly agent: Agent;
  call(method: string, target: string, wish?: CallWish): Promise<Answer>;
  /** Closes the connections that are kept. */
  hangUp(): void;
}

async function readBody(incoming: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of incoming) pieces.push(piece);
  return Buffer.concat(pieces);
}

function answerOf(status: number, headers: IncomingHttpHeaders, body: Buffer): Answer {
  const text = (): string => body.toString('utf8');
  const json = () => JSON.parse(text());
  return {
    status,
    headers,
    body,
    text,
    json,
    lines: () =>
      text()
        .split('\n')
        .slice(0, -1)
        .map((line) => JSON.parse(line)),
    code: () => json().code,
  };
}

/** Reads an answer to its end and holds it against openapi.yaml. */
export async function readAnswer(
  incoming: IncomingMessage,
  method: string,
  target: string,
  sentJson?: unknown,
): Promise<Answer> {
  const body = await readBody(incoming);
  const { statusCode: status = 0, headers } = incoming;
  const violations = checkExchange({ method, target, sentJson, status, headers, body });
  if (violations.length > 0) {
    const said = body.subarray(0, 600).toString();
    throw new Error(
      `${method} ${target} ${status}: not as openapi.yaml says: ${violations.join('; ')}\n${said}`,
    );
  }
  return answerOf(status, headers, body);
}

export function headersOf({ token, json, type, accept, headers }: CallWish): Record<string, string> {
  const contentType = json === undefined ? type : 'application/json';
  return {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(contentType === undefined ? {} : { 'content-type': contentType }),
    ...(accept === undefined ? {} : { accept }),
    ...headers,
  };
}

function send(base: string, agent: Agent | undefined, method: string, target: string, wish: CallWish) {
  const { protocol, hostname, port } = new URL(base);
  const body = wish.json === undefined ? wish.body : JSON.stringify(wish.json);
  const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) };
  const options = { hostname, port, method, path: target, headers: { ...length, ...headersOf(wish) } };
  return new Promise<Answer>((resolve, reject) => {
    const request =
      protocol === 'https:' ? requestTls({ ...options, agent }) : requestPlain({ ...options, agent: false });
    request.once('error', reject);
    request.once('response', (incoming) =>
      readAnswer(incoming, method, target, wish.json).then(resolve, reject),
    );
    request.end(body);
  });
}

/** Calls the plain HTTP listener. */
export const callPlain = (base: string, method: string, target: string, wish: CallWish = {}) =>
  send(base, undefined, method, target, wish);

export function connectClient(apiUrl: string, caFile: string | null): Client {
  const ca = caFile === null ? undefined : readFileSync(caFile);
  const agent = new Agent({ ca, keepAlive: true, maxSockets: 64 });
  return {
    agent,
    call: (method, target, wish = {}) => send(apiUrl, agent, method, target, wish),
    hangUp: () => agent.destroy(),
  };
}
