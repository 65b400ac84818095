import type { IncomingMessage } from 'node:http';
import { LocalFailure } from '../local-failure.ts';
import type { ApiCall, Client } from './client.ts';

/** Most octets of an answer that is read whole: a page of a thousand certificates has some 4 MB. */
const MAX_OCTETS = 64 * 1024 * 1024;

/** An answer as octets. Rejects with `service-defect` where it is longer than any of the service's. */
export async function readWhole(client: Client, answer: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let octets = 0;
  for await (const piece of client.read(answer)) {
    octets += piece.length;
    if (octets > MAX_OCTETS) throw new LocalFailure('service-defect', 'The answer does not end.');
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

/** What is published: it needs no token, and none is sent. */
export const readPublished = async (client: Client, path: string): Promise<Buffer> =>
  readWhole(client, await client.send({ method: 'GET', path, isOpen: true }));

/** Parses what the service sent as JSON; its form is the service's promise (openapi.yaml). */
export function parseAnswer<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch (cause) {
    throw new LocalFailure('service-defect', 'The answer is not JSON.', { cause });
  }
}

/** Calls, and reads the answer as JSON. */
export async function callJson<T>(client: Client, call: ApiCall): Promise<T> {
  const answer = await client.send({ ...call, headers: { Accept: 'application/json', ...call.headers } });
  return parseAnswer<T>((await readWhole(client, answer)).toString('utf8'));
}

/** A call that sends JSON. */
export const postJson = (path: string, body: unknown): ApiCall => ({
  method: 'POST',
  path,
  headers: { 'Content-Type': 'application/json' },
  body: JSON.stringify(body),
});

/** A call that replaces what is there. */
export const putJson = (path: string, body: unknown): ApiCall => ({
  ...postJson(path, body),
  method: 'PUT',
  isRepeatable: true,
});

interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

const PAGE = 1000;

/** The pages of a list from `after` on, to its end; of those that a query picks. */
export async function* readPages<T>(
  client: Client,
  path: string,
  after: string | number | undefined = undefined,
  picked: ApiCall['query'] = {},
): AsyncGenerator<readonly T[]> {
  let cursor: string | number | undefined | null = after;
  do {
    const query = { ...picked, after: cursor, limit: PAGE };
    const page: Page<T> = await callJson(client, { method: 'GET', path, query });
    yield page.items;
    cursor = page.next;
  } while (cursor !== null);
}
