import { once } from 'node:events';
import { createReadStream } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { Agent, request } from 'node:https';
import { pipeline } from 'node:stream/promises';
import { FLEET, type Line } from './line.ts';
import { type Lot, makeIdLot, makeLot, removeLot } from './lot.ts';
import type { Plan } from './plan.ts';
import type { Workshop } from './workshop.ts';

const OCTETS_A_READ = 256 * 1024;
/** Longer than a summary with its chain. */
const TAIL_OCTETS = 64 * 1024;

async function* octetsOf({ files }: Lot): AsyncGenerator<Buffer> {
  for (const file of files) yield* createReadStream(file, { highWaterMark: OCTETS_A_READ });
}

/** The end of an answer of any length. */
async function readTail(answer: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let held = 0;
  for await (const piece of answer as AsyncIterable<Buffer>) {
    pieces.push(piece);
    held += piece.length;
    while (held - (pieces[0]?.length ?? 0) > TAIL_OCTETS) held -= pieces.shift()?.length ?? 0;
  }
  return Buffer.concat(pieces).toString('utf8');
}

async function readIssued(answer: IncomingMessage): Promise<number> {
  const tail = await readTail(answer);
  const line = tail.trimEnd().split('\n').at(-1) ?? '';
  if (answer.statusCode !== 200 || !line.startsWith('{"summary"')) {
    throw new Error(`the lot was answered ${answer.statusCode}: ${tail.slice(0, 500)}`);
  }
  return (JSON.parse(line) as { summary: { issued: number } }).summary.issued;
}

/** Where a lot goes, and what is said of it beside its rows. */
function addressOf({ service, token }: Line, { recipient }: Lot) {
  const url = new URL(`/v1/fleets/${FLEET}/batches`, service.url);
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/x-ndjson' };
  if (recipient === null) return { url, headers };
  url.searchParams.set('keyAlgorithm', 'ec-p256');
  const certificate = Buffer.from(recipient).toString('base64');
  return { url, headers: { ...headers, 'recipient-certificate': `:${certificate}:` } };
}

/**
 * Sends a lot and reads the answer while it goes. Gives durable rows a second, from before the
 * connection is made until the summary is read. Rejects where a row was not issued.
 */
export async function sendLot(line: Line, lot: Lot): Promise<number> {
  const { url, headers } = addressOf(line, lot);
  const agent = new Agent({ ca: line.service.ca });
  try {
    const began = performance.now();
    const sent = request(url, { method: 'POST', agent, headers });
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
    const sending = pipeline(octetsOf(lot), sent);
    // The answer says more than a broken upload; whoever awaits `sending` still gets its failure.
    sending.catch(() => undefined);
    const [answer] = await answered;
    const issued = await readIssued(answer);
    const seconds = (performance.now() - began) / 1000;
    await sending;
    if (issued !== lot.rows) throw new Error(`${issued} of ${lot.rows} rows were issued`);
    return issued / seconds;
  } finally {
    agent.destroy();
  }
}

async function sendAndRemove(line: Line, lot: Lot): Promise<number> {
  try {
    return await sendLot(line, lot);
  } finally {
    await removeLot(lot);
  }
}

/** Makes a lot, sends it, and removes it: rows a second, as `sendLot`. */
export const paceOfLot = async (
  workshop: Workshop,
  line: Line,
  name: string,
  rows: number,
): Promise<number> => sendAndRemove(line, await makeLot(workshop, name, rows));

/** Sends a lot that does not count. */
export const warmUp = (workshop: Workshop, line: Line, { warmUpRows }: Plan): Promise<number> =>
  paceOfLot(workshop, line, 'warm-up', warmUpRows);

/** The same, with keys that the CA makes. */
export const warmUpKeys = async (workshop: Workshop, line: Line, { warmUpRows }: Plan): Promise<number> =>
  sendAndRemove(line, await makeIdLot(workshop, 'warm-up-keys', warmUpRows));
