import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { z } from 'zod';
import { type Batch, type BatchStore, Progress } from '../../batch/index.ts';
import { type Fleet, findIssuer } from '../../ca/index.ts';
import { isAllowed, notFound } from '../../enrollment/index.ts';
import { PkiError } from '../../errors.ts';
import { exchangeBatch } from '../batch-answer.ts';
import { batchJson, encodeLines, outcomeJson } from '../batch-json.ts';
import { intermediatesPem } from '../certificate-json.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { inviteBody } from '../expect-continue.ts';
import { contextFor } from '../fleet-profile.ts';
import { lotFormOf, openIntake } from '../lot-intake.ts';
import { getFleet } from '../names.ts';
import { fitQuery, noQuery, wholeNumber } from '../query.ts';
import { pathParameter, sendJson } from '../web.ts';

const NDJSON = 'application/x-ndjson';
const BATCH_ID = /^[A-Za-z0-9._:-]{1,128}$/;

const name = z.string().min(1).max(63).optional();
const batchQuery = z.strictObject({
  profile: name,
  authority: name,
  ids: z.enum(['cn', 'name']).optional(),
});

/** The client's Idempotency-Key, with or without the quotes of a structured field; else an id of ours. */
function batchIdOf({ edge, req }: Call): string {
  const given = req.headers['idempotency-key'];
  if (given === undefined) return `b-${Buffer.from(edge.ca.random.bytes(12)).toString('hex')}`;
  const id = String(given).replace(/^"(.*)"$/, '$1');
  if (BATCH_ID.test(id)) return id;
  throw new PkiError('bad-request', 'An Idempotency-Key has 1 to 128 of the characters A-Z a-z 0-9 . _ : -');
}

function verifyAcceptsLines({ req }: Call): void {
  if (req.accepts(NDJSON, 'application/jsonl')) return;
  throw new PkiError('not-acceptable', `A lot is answered as ${NDJSON}.`);
}

/** A lot. What is wrong with it as a whole is refused before its first row is read. */
async function sendBatch(call: Call): Promise<void> {
  const { edge, req, res, requester, act } = call;
  const { ca, batches } = edge;
  const fleet = await getFleet(call);
  const { profile: profileName = null, authority = null, ids } = fitQuery(batchQuery, req);
  const form = lotFormOf(call, ids);
  verifyAcceptsLines(call);
  const batchId = batchIdOf(call);
  const context = contextFor(ca, fleet, requester, profileName);
  const issuer = await findIssuer(ca, fleet.id, authority);
  const chain = intermediatesPem(await ca.ledger.listGenerations(fleet.id), issuer.id);
  const intake = await openIntake(call, form);
  const opening = { id: batchId, fleetId: fleet.id, tokenId: requester.id, profile: profileName, authority };
  const { attempt } = await batches.openBatch(act, ca.runId, opening).catch(async (failure: unknown) => {
    await intake.abandon();
    throw failure;
  });

  inviteBody(req, res);
  res.status(200).set({ 'Content-Type': NDJSON, Location: `/v1/batches/${batchId}` });
  res.flushHeaders();
  const run = { ca, store: batches, batchId, attempt, context, authority, progress: new Progress() };
  await exchangeBatch(call, run, intake.rows, chain);
}

/** The batch that the path names, if the requester may. Refuses `not-found`. */
async function getBatch({ edge, req, requester }: Call): Promise<{ batch: Batch; fleet: Fleet }> {
  const id = pathParameter(req, 'id');
  const batch = BATCH_ID.test(id) ? await edge.batches.findBatch(id) : undefined;
  const fleet = batch && (await edge.ca.ledger.findFleetById(batch.fleetId));
  if (batch && fleet && isAllowed(requester, 'batch:read', fleet.name)) return { batch, fleet };
  throw notFound('batch', requester.role);
}

async function showBatch(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { batch, fleet } = await getBatch(call);
  sendJson(call.res, 200, batchJson(batch, fleet));
}

const resultsQuery = z.strictObject({
  after: wholeNumber(0).default(0),
  limit: wholeNumber(1).default(Number.MAX_SAFE_INTEGER),
  attempt: wholeNumber(1).optional(),
});

/** Outcomes read at a time. */
const PAGE = 256;

/** The outcomes after the cursor, up to what was the end when the reading began; then the cursor. */
async function* resultLines(
  store: BatchStore,
  batch: Batch,
  { after, limit, attempt }: z.infer<typeof resultsQuery>,
): AsyncGenerator<string> {
  let next = after;
  for (let left = limit; left > 0 && next < batch.lastSeq; ) {
    const page = await store.listOutcomes(batch.id, attempt ?? null, next, Math.min(left, PAGE));
    const last = page.at(-1);
    if (!last) break;
    yield encodeLines(
      page.map((outcome) => ({ seq: outcome.seq, attempt: outcome.attempt, ...outcomeJson(outcome) })),
    );
    next = last.seq;
    left -= page.length;
  }
  yield encodeLines([{ next }]);
}

async function showResults(call: Call): Promise<void> {
  const wish = fitQuery(resultsQuery, call.req);
  const { batch } = await getBatch(call);
  call.res.set('Content-Type', NDJSON);
  await pipeline(Readable.from(resultLines(call.edge.batches, batch, wish), { highWaterMark: 1 }), call.res);
}

const common = { permission: 'batch:read', scope: 'record', what: 'batch' } as const;

export const batchRoutes: readonly GuardedRoute[] = [
  {
    method: 'post',
    path: '/v1/fleets/:fleet/batches',
    permission: 'certificate:request',
    scope: 'fleet',
    what: 'fleet',
    handle: sendBatch,
  },
  { ...common, method: 'get', path: '/v1/batches/:id', handle: showBatch },
  { ...common, method: 'get', path: '/v1/batches/:id/results', handle: showResults },
];
