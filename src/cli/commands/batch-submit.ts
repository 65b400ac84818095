import { randomBytes } from 'node:crypto';
import type { IncomingMessage } from 'node:http';
import { type Client, segment, withClient } from '../client/client.ts';
import { readLines } from '../client/lines.ts';
import { refusalOf } from '../client/problem.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { openSink } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { type Lot, openLot } from '../lot.ts';
import { type Outcome, outcomeLine, parseLine, type Summary } from '../outcome.ts';
import { type Output, show } from '../output.ts';
import { SILENT_BAR, startProgressBar } from '../progress-bar.ts';
import { formatFields } from '../table.ts';

interface SubmitOptions {
  readonly fleet: string;
  readonly id?: string;
  readonly profile?: string;
  readonly authority?: string;
  readonly ids?: string;
  readonly out?: string;
}

/** Where outcomes go: a file or stdout as JSON lines, or stdout as lines for a person. */
interface OutcomeSink {
  take(line: string, outcome: Outcome, from: string | null): Promise<void>;
  close(): Promise<void>;
}

/** A row that was a file has its name beside what the service says. */
const withFile = (line: string, outcome: Outcome, from: string | null): string =>
  from === null ? `${line}\n` : `${JSON.stringify({ ...outcome, file: from })}\n`;

async function openOutcomes(output: Output, out: string | undefined): Promise<OutcomeSink> {
  if (out !== undefined) {
    const sink = await openSink(out);
    return { take: (...row) => sink.write(withFile(...row)), close: () => sink.close() };
  }
  const take: OutcomeSink['take'] = output.json
    ? (...row) => output.data(withFile(...row))
    : (_line, outcome, from) => output.data(outcomeLine(outcome, from));
  return { take, close: () => Promise.resolve() };
}

const send = (
  client: Client,
  id: string,
  { fleet, profile, authority, ids }: SubmitOptions,
  lot: Lot,
): Promise<IncomingMessage> =>
  client.send({
    method: 'POST',
    path: `/v1/fleets/${segment(fleet)}/batches`,
    query: { profile, authority, ids },
    headers: {
      'Content-Type': lot.type.contentType,
      ...(lot.type.encoding === undefined ? {} : { 'Content-Encoding': lot.type.encoding }),
      Accept: 'application/x-ndjson',
      'Idempotency-Key': id,
    },
    body: lot.octets,
  });

/**
 * The answer to its last line, one line at a time. Rejects with the service's refusal where the lot was
 * refused midway, with `cut-off` where the summary is missing.
 */
async function readOutcomes(
  lines: AsyncIterable<string>,
  take: (line: string, outcome: Outcome) => Promise<void>,
): Promise<Summary> {
  for await (const line of lines) {
    const parsed = parseLine(line);
    if ('summary' in parsed) return parsed.summary;
    if ('row' in parsed) await take(line, parsed);
    else if ('problem' in parsed) {
      throw refusalOf(parsed.problem.status, JSON.stringify(parsed.problem), undefined);
    }
  }
  throw new LocalFailure('cut-off', 'The answer ended before its summary: the lot is not finished.');
}

/** An interruption, with how to go on. */
function interruption(failure: unknown, id: string): unknown {
  if (!(failure instanceof LocalFailure) || failure.code !== 'cut-off') return failure;
  return new LocalFailure('cut-off', failure.message, {
    hint: `send the same lot again with --id ${id}: rows that were done come back as replayed, with the same certificates`,
    cause: failure,
  });
}

/** A bar has its place where a person looks and no outcomes run over the same terminal. */
const isWatched = ({ interactive, json, stdoutIsTerminal }: Output, out: string | undefined): boolean =>
  interactive && !json && (out !== undefined || !stdoutIsTerminal);

async function exchange(
  client: Client,
  { output }: Invocation,
  { id, lot, options }: { readonly id: string; readonly lot: Lot; readonly options: SubmitOptions },
): Promise<Summary> {
  // Refused as a whole before a file of ours is touched.
  const answer = await send(client, id, options, lot);
  const sink = await openOutcomes(output, options.out);
  const bar = isWatched(output, options.out) ? startProgressBar(lot.rows) : SILENT_BAR;
  const counts = { done: 0, refused: 0 };
  try {
    return await readOutcomes(readLines(client.read(answer)), async (line, outcome) => {
      await sink.take(line, outcome, lot.fileOf(outcome.row));
      counts.done++;
      if (outcome.problem) counts.refused++;
      bar.show(counts);
    });
  } finally {
    bar.stop();
    await sink.close();
  }
}

const summaryLines = (summary: Summary, seconds: number): string =>
  formatFields([
    ['batch', `${summary.batch}, attempt ${summary.attempt}`],
    ['rows', summary.rows],
    ['issued', summary.issued],
    ['replayed', summary.replayed],
    ['refused', summary.refused],
    ['failed', summary.failed],
    ['rows per second', Math.round(summary.rows / Math.max(seconds, 0.001))],
  ]);

/** The summary is data where stdout has nothing else, or JSON lines; for a person it is a message. */
async function tell(
  output: Output,
  summary: Summary,
  out: string | undefined,
  seconds: number,
): Promise<void> {
  if (output.json) await show(output, { summary }, () => '');
  else if (out !== undefined) await output.data(summaryLines(summary, seconds));
  else output.say(summaryLines(summary, seconds).trimEnd());
}

function statusOf({ refused, failed }: Summary, leftOut: number): ExitStatus {
  // A failed row is the service's fault: the same lot again may get it.
  if (failed > 0) return EXIT.tryAgain;
  return refused + leftOut > 0 ? EXIT.rowsRefused : EXIT.done;
}

/** `batch submit`: a lot through the service, both ways at once. */
export async function submitBatch(
  invocation: Invocation,
  source: string,
  options: SubmitOptions,
): Promise<ExitStatus> {
  const { output } = invocation;
  const id = options.id ?? `lot-${randomBytes(8).toString('hex')}`;
  const lot = await openLot(source, { count: isWatched(output, options.out), say: output.say });
  const began = performance.now();
  try {
    const summary = await withClient(invocation, (client) =>
      exchange(client, invocation, { id, lot, options }),
    );
    await tell(output, summary, options.out, (performance.now() - began) / 1000);
    return statusOf(summary, lot.leftOut());
  } catch (failure) {
    throw interruption(failure, id);
  }
}
