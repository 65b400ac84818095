import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type BatchRun, type RowSource, receive, tailOutcomes } from '../batch/index.ts';
import { PkiError } from '../errors.ts';
import { encodeLines, outcomeJson, summaryJson } from './batch-json.ts';
import type { Call } from './edge.ts';
import { problemOf } from './problems.ts';
import { leaveBody } from './refuse.ts';

async function* outcomeLines({ store, batchId, attempt, progress }: BatchRun): AsyncGenerator<string> {
  for await (const page of tailOutcomes(store, batchId, attempt, progress))
    yield encodeLines(page.map(outcomeJson));
}

async function readSummary({ store, batchId, attempt: number }: BatchRun, chain: string): Promise<string> {
  const batch = await store.findBatch(batchId);
  const attempt = batch?.attempts.find((one) => one.number === number);
  if (!attempt) throw new Error('a batch that was answered is not there');
  return encodeLines([summaryJson(batchId, attempt, chain)]);
}

/** What became of the intake: every row is on record; those before the refusal of the rest are; or the upload broke off. */
type Intake = 'complete' | PkiError | 'interrupted';

async function takeIn({ req }: Call, run: BatchRun, rows: RowSource): Promise<Intake> {
  try {
    const refusal = await receive(run, rows);
    if (refusal) req.log.info({ err: refusal, batch: run.batchId }, 'a lot was refused midway');
    return refusal ?? 'complete';
  } catch (failure) {
    // An upload that broke off is the client's story; anything else is ours.
    if (req.destroyed && !req.readableEnded) {
      req.log.info({ batch: run.batchId }, 'the upload of a lot broke off');
      return 'interrupted';
    }
    req.log.error({ err: failure, batch: run.batchId }, 'the intake of a lot failed');
    // A full disk, say: whoever waits at the other end has to know what to wait for.
    return failure instanceof PkiError ? failure : 'interrupted';
  }
}

async function endAnswer({ req, res }: Call, run: BatchRun, intake: Intake, chain: string): Promise<void> {
  if (intake === 'complete') res.end(await readSummary(run, chain));
  // What was written goes out first.
  else if (intake === 'interrupted') res.socket?.destroySoon();
  else {
    // The client may still be sending.
    leaveBody(req, res);
    res.end(encodeLines([{ problem: problemOf(intake) }]));
  }
}

/**
 * Takes a lot in and answers it at the same time, each at its own pace: the intake never waits for
 * the reader of the answer, and goes on when that goes away. Where the lot was refused midway, or its rows
 * could not be recorded, the last line is the problem. Where a defect ended it, the answer ends without
 * summary and without its end, and the connection is closed.
 */
export async function exchangeBatch(
  call: Call,
  run: BatchRun,
  rows: RowSource,
  chain: string,
): Promise<void> {
  const { res } = call;
  const intake = takeIn(call, run, rows);
  call.edge.inFlight.track(intake);
  try {
    // One page waits at most: the store keeps the rest.
    await pipeline(Readable.from(outcomeLines(run), { highWaterMark: 1 }), res, { end: false });
    await endAnswer(call, run, await intake, chain);
  } catch (failure) {
    if (!res.socket || res.socket.destroyed) return;
    throw failure;
  }
}

/** The same rows; tells when the last one was read. */
async function* telling(rows: RowSource, ended: () => void): RowSource {
  yield* rows;
  ended();
}

/**
 * Takes a lot in without an answer of rows: resolves when all of it has come, while the last rows may
 * still be on their way. Sooner would be no service: many clients stop sending when they are answered.
 * Rejects with the refusal of a lot that was refused midway or could not be recorded, and `busy` where it
 * broke off on our side.
 */
export async function acceptBatch(call: Call, run: BatchRun, rows: RowSource): Promise<void> {
  let whole: () => void = () => undefined;
  const received = new Promise<'received'>((resolve) => {
    whole = () => resolve('received');
  });
  const intake = takeIn(call, run, telling(rows, whole));
  call.edge.inFlight.track(intake);
  const outcome = await Promise.race([received, intake]);
  if (outcome instanceof PkiError) throw outcome;
  if (outcome === 'interrupted') {
    throw new PkiError(
      'busy',
      'The lot was not taken in whole; send it again under the same Idempotency-Key.',
    );
  }
}
