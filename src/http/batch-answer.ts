import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type BatchRun, receive, splitLines, tailOutcomes } from '../batch/index.ts';
import { encodeLines, outcomeJson, summaryJson } from './batch-json.ts';
import { readOctets } from './body.ts';
import type { Call } from './edge.ts';

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

/** What became of the intake: whether every row is on record. */
async function takeIn(call: Call, run: BatchRun): Promise<'complete' | 'interrupted'> {
  const { req } = call;
  try {
    await receive(run, splitLines(readOctets(call)));
    return 'complete';
  } catch (failure) {
    // An upload that broke off is the client's story; anything else is ours.
    if (req.destroyed && !req.readableEnded)
      req.log.info({ batch: run.batchId }, 'the upload of a lot broke off');
    else req.log.error({ err: failure, batch: run.batchId }, 'the intake of a lot failed');
    return 'interrupted';
  }
}

/**
 * Takes a lot in and answers it at the same time, each at its own pace: the intake never waits for
 * the reader of the answer, and goes on when that goes away. Where not all rows came to be on record
 * the answer ends without summary and without its end, and the connection is closed.
 */
export async function exchangeBatch(call: Call, run: BatchRun, chain: string): Promise<void> {
  const { res } = call;
  const intake = takeIn(call, run);
  call.edge.inFlight.track(intake);
  try {
    // One page waits at most: the store keeps the rest.
    await pipeline(Readable.from(outcomeLines(run), { highWaterMark: 1 }), res, { end: false });
    if ((await intake) === 'complete') res.end(await readSummary(run, chain));
    // What was written goes out first.
    else res.socket?.destroySoon();
  } catch (failure) {
    if (!res.socket || res.socket.destroyed) return;
    throw failure;
  }
}
