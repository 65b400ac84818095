import { randomBytes } from 'node:crypto';
import { PkiError } from '../../errors.ts';
import { persist } from '../client/backoff.ts';
import { type Client, withClient } from '../client/client.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import { interruptible } from '../interruptible.ts';
import type { GlobalOptions, Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { type Lot, openLot } from '../lot.ts';
import type { Summary } from '../outcome.ts';
import { type OutcomeSink, openOutcomes } from '../outcome-sink.ts';
import { type Output, show } from '../output.ts';
import { isWatched, type ProgressBar, startProgress } from '../progress-bar.ts';
import { type RecipientFile, readRecipientFile } from '../recipient-file.ts';
import { persistenceOf, type RetryOptions } from '../retrying.ts';
import { formatFields } from '../table.ts';
import { noRowsWritten } from '../written-rows.ts';
import { exchangeLot, type LotTerms, leaveLot } from './batch-exchange.ts';
import { type Batch, getBatch, issuedSince, statusOfRows } from './batch-record.ts';
import { resumeCommand } from './resume-command.ts';

interface SendOptions extends RetryOptions {
  readonly fleet?: string;
  readonly profile?: string;
  readonly authority?: string;
  readonly ids?: string;
  readonly keyAlgorithm?: string;
  readonly recipient?: string;
  readonly out?: string;
  readonly async?: true;
}

type SubmitOptions = SendOptions & { readonly fleet: string; readonly id?: string };

/** A lot on its way, under an id that is fixed before its first octet. */
interface Submission {
  readonly source: string;
  readonly terms: LotTerms;
  readonly options: SendOptions;
  /** Rows that --out holds are not written again. */
  readonly keep: boolean;
  /** How the service is reached. */
  readonly globals: GlobalOptions;
}

/** A summary, with what came to be while we sent: `issued` and `replayed` are those of the last attempt. */
interface Told extends Summary {
  readonly new: number;
}

/** A lot that did not get through, with how to go on. */
function unfinished(failure: unknown, submission: Submission): unknown {
  if (!(failure instanceof LocalFailure)) return failure;
  if (failure.code !== 'cut-off' && failure.code !== 'unreachable') return failure;
  const goOn = `go on with \`${resumeCommand(submission)}\`: rows that were done come back as replayed, with the same certificates`;
  const hint = failure.code === 'unreachable' && failure.hint ? `${failure.hint}; then ${goOn}` : goOn;
  return new LocalFailure(failure.code, failure.message, { hint, cause: failure });
}

/** Counts what the attempts of this run issued; the last alone where the rest cannot be asked for. */
async function countNew(client: Client, summary: Summary, attempts: number): Promise<number> {
  if (attempts <= 1) return summary.issued;
  const batch = await getBatch(client, summary.batch).catch(() => undefined);
  return batch ? issuedSince(batch, summary.attempt - attempts + 1) : summary.issued;
}

async function exchange(
  client: Client,
  { output }: Invocation,
  { terms, options: { out, ...options }, keep }: Submission,
  lot: Lot,
  signal: AbortSignal,
): Promise<Told> {
  const written = noRowsWritten();
  let sink: OutcomeSink | undefined;
  let bar: ProgressBar | undefined;
  let attempts = 0;
  let seen = 0;
  const moved = (): boolean => {
    const before = seen;
    seen = written.counts.done;
    return seen > before;
  };
  const reader = {
    // Refused as a whole before a file of ours is touched.
    opened: async () => {
      attempts++;
      sink ??= await openOutcomes(output, { out, keep }, written);
      bar ??= startProgress(output, lot.rows, out === undefined);
      seen = Math.max(seen, attempts === 1 ? written.counts.done : 0);
    },
    take: async (line: string, outcome: Parameters<OutcomeSink['take']>[1]) => {
      await sink?.take(line, outcome, lot.fileOf(outcome.row));
      bar?.show(written.counts);
    },
  };
  try {
    const once = () => exchangeLot(client, terms, lot, reader, signal);
    const summary = await persist(once, persistenceOf(options, output, signal), moved);
    return { ...summary, new: await countNew(client, summary, attempts) };
  } finally {
    bar?.stop();
    await sink?.close();
  }
}

const summaryLines = (summary: Told, seconds: number): string =>
  formatFields([
    ['batch', `${summary.batch}, attempt ${summary.attempt}`],
    ['rows', summary.rows],
    ['issued', summary.issued],
    ['replayed', summary.replayed],
    ['refused', summary.refused],
    ['failed', summary.failed],
    ['new', summary.new],
    ['rows per second', Math.round(summary.rows / Math.max(seconds, 0.001))],
  ]);

/** The summary is data where stdout has nothing else, or JSON lines; for a person it is a message. */
async function tell(output: Output, summary: Told, out: string | undefined, seconds: number): Promise<void> {
  if (output.json) await show(output, { summary }, () => '');
  else if (out !== undefined) await output.data(summaryLines(summary, seconds));
  else output.say(summaryLines(summary, seconds).trimEnd());
}

/** Sends the lot, and leaves the rest to the service. */
async function leave(
  client: Client,
  { output }: Invocation,
  { terms, options }: Submission,
  lot: Lot,
  signal: AbortSignal,
): Promise<ExitStatus> {
  const once = () => leaveLot(client, terms, lot, signal);
  const location = await persist(once, persistenceOf(options, output, signal), () => false);
  await show(output, { batch: terms.id, location }, () => `${location}\n`);
  if (!output.json) output.say(`What becomes of it: fleetca batch status ${terms.id} --wait`);
  return lot.leftOut() > 0 ? EXIT.rowsRefused : EXIT.done;
}

async function transfer(
  client: Client,
  invocation: Invocation,
  submission: Submission,
  signal: AbortSignal,
): Promise<ExitStatus> {
  const { output } = invocation;
  const { source, options } = submission;
  const count = !options.async && isWatched(output, options.out === undefined);
  const lot = await openLot(source, { count, say: output.say, signal });
  const began = performance.now();
  try {
    if (options.async) return await leave(client, invocation, submission, lot, signal);
    const summary = await exchange(client, invocation, submission, lot, signal);
    await tell(output, summary, options.out, (performance.now() - began) / 1000);
    return statusOfRows(summary, lot.leftOut());
  } catch (failure) {
    throw unfinished(failure, submission);
  } finally {
    await lot.close();
  }
}

const STOPPED = 'The lot was stopped before its end. What has come to the service is kept.';

const openRecipient = (path: string | undefined): Promise<RecipientFile> | undefined =>
  path === undefined ? undefined : readRecipientFile(path);

/** `batch submit`: a lot through the service, however often the connection breaks. */
export async function submitBatch(
  invocation: Invocation,
  source: string,
  { id = `lot-${randomBytes(8).toString('hex')}`, ...options }: SubmitOptions,
): Promise<ExitStatus> {
  const { fleet, profile, authority, ids, keyAlgorithm } = options;
  const recipient = await openRecipient(options.recipient);
  const terms = { id, fleet, profile, authority, ids, keyAlgorithm, recipient };
  const submission = { source, terms, options, keep: false, globals: invocation.globals };
  return interruptible(
    (signal) => withClient(invocation, (client) => transfer(client, invocation, submission, signal)),
    () => ({ message: STOPPED, hint: `go on with \`${resumeCommand(submission)}\`` }),
  );
}

/** The batch, unless the lot was stopped before the service heard of it and the options say enough. */
async function findBatch(client: Client, id: string, fleet: string | undefined): Promise<Partial<Batch>> {
  try {
    return await getBatch(client, id);
  } catch (failure) {
    if (fleet !== undefined && failure instanceof PkiError && failure.code === 'not-found') return {};
    throw failure;
  }
}

const needsRecipient = (id: string): LocalFailure =>
  new LocalFailure('usage', `The lot ${id} began with a recipient, for whom the service encrypts its keys.`, {
    hint: 'name the same certificate with --recipient',
  });

/** `batch resume`: the same lot again under its id, on the terms on which it began. */
export async function resumeBatch(
  invocation: Invocation,
  id: string,
  source: string,
  options: SendOptions,
): Promise<ExitStatus> {
  const { globals } = invocation;
  let submission: Submission = { source, terms: { id, fleet: '' }, options, keep: true, globals };
  return interruptible(
    (signal) =>
      withClient(invocation, async (client) => {
        const began = await findBatch(client, id, options.fleet);
        const recipient = await openRecipient(options.recipient);
        if (!recipient && began.keyAlgorithm) throw needsRecipient(id);
        const terms = {
          id,
          fleet: options.fleet ?? began.fleet ?? '',
          profile: options.profile ?? began.profile ?? undefined,
          authority: options.authority ?? began.authority ?? undefined,
          ids: options.ids,
          keyAlgorithm: options.keyAlgorithm ?? began.keyAlgorithm ?? undefined,
          recipient,
        };
        submission = { ...submission, terms };
        return transfer(client, invocation, submission, signal);
      }),
    () => ({ message: STOPPED, hint: `go on with \`${resumeCommand(submission)}\`` }),
  );
}
