import { persist } from '../client/backoff.ts';
import { type Client, withClient } from '../client/client.ts';
import { readLines } from '../client/lines.ts';
import { continueFile } from '../continue-file.ts';
import { openSink, type Sink, saveFile } from '../files.ts';
import { interruptible } from '../interruptible.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { type Outcome, outcomeLine, parseLine } from '../outcome.ts';
import type { Output } from '../output.ts';
import { persistenceOf, type RetryOptions } from '../retrying.ts';
import { batchPath } from './batch-record.ts';

interface ResultsWish {
  readonly after?: number;
  readonly limit?: number;
  readonly attempt?: number;
}

interface ResultsOptions extends ResultsWish, RetryOptions {
  readonly format?: 'ndjson' | 'csv';
  readonly out?: string;
  readonly resume?: true;
}

/** How far the reading is. */
interface Cursor {
  after: number;
  left: number | undefined;
}

type Take = (line: string, outcome: Outcome) => Promise<void>;

/** Passes outcomes on as they come, and gives the next cursor. Rejects with `cut-off` where it is missing. */
async function passOn(
  client: Client,
  id: string,
  attempt: number | undefined,
  cursor: Cursor,
  take: Take,
): Promise<number> {
  if (cursor.left === 0) return cursor.after;
  const query = { attempt, after: cursor.after, limit: cursor.left };
  const answer = await client.send({ method: 'GET', path: `${batchPath(id)}/results`, query });
  for await (const line of readLines(client.read(answer))) {
    const parsed = parseLine(line);
    if ('next' in parsed) return parsed.next;
    if (!('row' in parsed)) continue;
    await take(line, parsed);
    cursor.after = parsed.seq ?? cursor.after;
    if (cursor.left !== undefined) cursor.left--;
  }
  throw new LocalFailure('cut-off', 'The answer ended before its end.', {
    hint: `go on with --after ${cursor.after}`,
  });
}

/** Refuses a file that another batch filled: the last outcome that it holds must be this batch's too. */
async function verifySame(client: Client, id: string, path: string, last: Outcome | undefined) {
  if (!last) return;
  let same = false;
  const compare: Take = async (_line, { seq, row, deviceId, status, serial }) => {
    same =
      seq === last.seq &&
      row === last.row &&
      deviceId === last.deviceId &&
      status === last.status &&
      serial === last.serial;
  };
  await passOn(client, id, undefined, { after: (last.seq ?? 1) - 1, left: 1 }, compare);
  if (!same) throw new LocalFailure('usage', `${path} holds outcomes of another batch than ${id}.`);
}

/** Opens --out where it ends, and moves the cursor there. */
async function continueResults(client: Client, id: string, path: string, cursor: Cursor): Promise<Sink> {
  let last: Outcome | undefined;
  const sink = await continueFile(path, (outcome) => {
    if (!outcome.seq || outcome.seq <= (last?.seq ?? 0)) {
      throw new LocalFailure('usage', `${path} was not written by \`batch results\`.`);
    }
    last = outcome;
  });
  try {
    await verifySame(client, id, path, last);
  } catch (failure) {
    await sink.close();
    throw failure;
  }
  cursor.after = Math.max(cursor.after, last?.seq ?? 0);
  return sink;
}

/** Where results go: JSON lines to a file, or to stdout in the form that is wanted there. */
async function openResults(
  client: Client,
  output: Output,
  id: string,
  { out, resume }: ResultsOptions,
  cursor: Cursor,
): Promise<{ readonly take: Take; close(): Promise<void> }> {
  if (out === undefined) {
    const take: Take = (line, outcome) => output.data(output.json ? `${line}\n` : outcomeLine(outcome, null));
    return { take, close: () => Promise.resolve() };
  }
  const sink = resume ? await continueResults(client, id, out, cursor) : await openSink(out);
  return { take: (line) => sink.write(`${line}\n`), close: () => sink.close() };
}

async function passLines(
  client: Client,
  output: Output,
  id: string,
  options: ResultsOptions,
  cursor: Cursor,
  signal: AbortSignal,
): Promise<void> {
  const { take, close } = await openResults(client, output, id, options, cursor);
  let seen = cursor.after;
  const moved = (): boolean => {
    const before = seen;
    seen = cursor.after;
    return seen > before;
  };
  const takeOrStop: Take = (line, outcome) => {
    signal.throwIfAborted();
    return take(line, outcome);
  };
  try {
    const once = () => passOn(client, id, options.attempt, cursor, takeOrStop);
    const next = await persist(once, persistenceOf(options, output, signal), moved);
    if (output.json) await output.data(`${JSON.stringify({ next })}\n`);
    else output.say(`For what comes later: --after ${next}`);
  } finally {
    await close();
  }
}

/** CSV as the service writes it, to a file when it is whole. */
async function passCsv(
  client: Client,
  output: Output,
  id: string,
  { out, after, limit, attempt }: ResultsOptions,
): Promise<void> {
  const call = { method: 'GET', path: `${batchPath(id)}/results`, query: { after, limit, attempt } } as const;
  const answer = await client.send({ ...call, headers: { Accept: 'text/csv' } });
  if (out !== undefined) return saveFile(out, 0o666, client.read(answer));
  for await (const piece of client.read(answer)) await output.data(piece);
}

/** `batch results`: what became of the rows, from a position on. */
export async function readResults(
  invocation: Invocation,
  id: string,
  options: ResultsOptions,
): Promise<undefined> {
  const { output } = invocation;
  const { format, out, resume, after = 0, limit } = options;
  if (resume && (out === undefined || format === 'csv')) {
    throw new LocalFailure('usage', '--resume goes on in a file of JSON lines: name it with --out.');
  }
  if (format === 'csv') {
    await withClient(invocation, (client) => passCsv(client, output, id, options));
    return;
  }
  const cursor: Cursor = { after, left: limit };
  await interruptible(
    (signal) => withClient(invocation, (client) => passLines(client, output, id, options, cursor, signal)),
    () => ({
      message: 'The reading was stopped before its end.',
      hint: out === undefined ? `go on with --after ${cursor.after}` : 'go on with --resume',
    }),
  );
}
