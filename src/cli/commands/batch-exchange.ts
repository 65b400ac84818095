import { type ApiCall, type Client, segment } from '../client/client.ts';
import { readLines } from '../client/lines.ts';
import { refusalOf } from '../client/problem.ts';
import { LocalFailure } from '../local-failure.ts';
import type { Lot } from '../lot.ts';
import { type LotProblem, type Outcome, parseLine, type Summary } from '../outcome.ts';
import type { RecipientFile } from '../recipient-file.ts';

/** What the service is told of a lot beside its rows. */
export interface LotTerms {
  readonly id: string;
  readonly fleet: string;
  readonly profile?: string | undefined;
  readonly authority?: string | undefined;
  readonly ids?: string | undefined;
  readonly keyAlgorithm?: string | undefined;
  /** Whom keys are encrypted for that the service makes for rows without a request. */
  readonly recipient?: RecipientFile | undefined;
}

/** Who is told of what comes back. */
export interface OutcomeReader {
  /** The service has taken the lot on: it is not refused as a whole. */
  opened(): Promise<void>;
  take(line: string, outcome: Outcome): Promise<void>;
}

const callOf = (
  { id, fleet, profile, authority, ids, keyAlgorithm, recipient }: LotTerms,
  lot: Lot,
  signal: AbortSignal,
): ApiCall => ({
  method: 'POST',
  path: `/v1/fleets/${segment(fleet)}/batches`,
  query: { profile, authority, ids, keyAlgorithm },
  headers: {
    'Content-Type': lot.type.contentType,
    ...(lot.type.encoding === undefined ? {} : { 'Content-Encoding': lot.type.encoding }),
    Accept: 'application/x-ndjson',
    'Idempotency-Key': id,
    ...(recipient === undefined ? {} : { 'Recipient-Certificate': recipient.header }),
  },
  body: lot.read(),
  signal,
});

/** A last line has no header: what passes by itself is asked again soon. A full disk does not. */
const waitOf = ({ status, retryable }: LotProblem['problem']): string | undefined =>
  retryable && status !== 507 ? '1' : undefined;

/**
 * The answer to its last line, one line at a time. Rejects with the service's refusal where the lot was
 * refused midway, with `cut-off` where the summary is missing.
 */
async function readOutcomes(lines: AsyncIterable<string>, take: OutcomeReader['take']): Promise<Summary> {
  for await (const line of lines) {
    const parsed = parseLine(line);
    if ('summary' in parsed) return parsed.summary;
    if ('row' in parsed) await take(line, parsed);
    else if ('problem' in parsed) {
      throw refusalOf(parsed.problem.status, JSON.stringify(parsed.problem), waitOf(parsed.problem));
    }
  }
  throw new LocalFailure('cut-off', 'The answer ended before its summary: the lot is not finished.');
}

/** Lets nothing of a call that failed go on: its upload would read the lot beside the next one's. */
async function orGiveUp<T>(stop: AbortSignal, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const ours = new AbortController();
  try {
    return await call(AbortSignal.any([stop, ours.signal]));
  } catch (failure) {
    ours.abort();
    throw failure;
  }
}

/** Sends the lot once, both ways at once. */
export const exchangeLot = (
  client: Client,
  terms: LotTerms,
  lot: Lot,
  reader: OutcomeReader,
  stop: AbortSignal,
): Promise<Summary> =>
  orGiveUp(stop, async (signal) => {
    const answer = await client.send(callOf(terms, lot, signal));
    await reader.opened();
    return readOutcomes(readLines(client.read(answer)), reader.take);
  });

/** Sends the lot once and waits for no outcome. Resolves with where the batch is when all of it has come there. */
export const leaveLot = (client: Client, terms: LotTerms, lot: Lot, stop: AbortSignal): Promise<string> =>
  orGiveUp(stop, async (signal) => {
    const call = callOf(terms, lot, signal);
    const answer = await client.send({ ...call, headers: { ...call.headers, Prefer: 'respond-async' } });
    for await (const _ of client.read(answer));
    return answer.headers.location ?? '';
  });
