import { z } from 'zod';
import { Progress } from '../../batch/index.ts';
import { findIssuer } from '../../ca/index.ts';
import { PkiError } from '../../errors.ts';
import { DEVICE_KEY_ALGORITHMS } from '../../x509/index.ts';
import { acceptBatch, exchangeBatch } from '../batch-answer.ts';
import { batchJson } from '../batch-json.ts';
import { readJson } from '../body.ts';
import { intermediatesPem } from '../certificate-json.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { inviteBody } from '../expect-continue.ts';
import { contextFor } from '../fleet-profile.ts';
import { BATCH_ID, getBatch } from '../get-batch.ts';
import { lotFormOf, openIntake } from '../lot-intake.ts';
import { getFleet } from '../names.ts';
import { fitQuery, noQuery } from '../query.ts';
import { readLotKeyMaking } from '../recipient.ts';
import { sendJson } from '../web.ts';

const NDJSON = 'application/x-ndjson';

const name = z.string().min(1).max(63).optional();
const batchQuery = z.strictObject({
  profile: name,
  authority: name,
  ids: z.enum(['cn', 'name']).optional(),
  keyAlgorithm: z.enum(DEVICE_KEY_ALGORITHMS).optional(),
});

/** The client's Idempotency-Key, with or without the quotes of a structured field; else an id of ours. */
function batchIdOf({ edge, req }: Call): string {
  const given = req.headers['idempotency-key'];
  if (given === undefined) return `b-${Buffer.from(edge.ca.random.bytes(12)).toString('hex')}`;
  const id = String(given).replace(/^"(.*)"$/, '$1');
  if (BATCH_ID.test(id)) return id;
  throw new PkiError('bad-request', 'An Idempotency-Key has 1 to 128 of the characters A-Z a-z 0-9 . _ : -');
}

/** RFC 7240, 4.1: the client wants a short answer when it has sent its lot, and the outcomes later. */
const prefersAsync = ({ req }: Call): boolean =>
  String(req.headers.prefer ?? '')
    .split(/[,;]/)
    .some((preference) => preference.trim().toLowerCase() === 'respond-async');

function verifyAcceptsLines(call: Call): void {
  const { req } = call;
  if (prefersAsync(call) || req.accepts(NDJSON, 'application/jsonl')) return;
  throw new PkiError('not-acceptable', `A lot is answered as ${NDJSON}.`);
}

/** A lot. What is wrong with it as a whole is refused before its first row is read. */
async function sendBatch(call: Call): Promise<void> {
  const { edge, req, res, requester, act } = call;
  const { ca, batches } = edge;
  const fleet = await getFleet(call);
  const { profile: profileName = null, authority = null, ids, keyAlgorithm } = fitQuery(batchQuery, req);
  const form = lotFormOf(call, ids);
  verifyAcceptsLines(call);
  const batchId = batchIdOf(call);
  const making = readLotKeyMaking(call, keyAlgorithm);
  const how = making === undefined ? {} : { making };
  const context = { ...contextFor(ca, fleet, requester, profileName), ...how };
  const issuer = await findIssuer(ca, fleet.id, authority);
  const chain = intermediatesPem(await ca.ledger.listGenerations(fleet.id), issuer.id);
  const intake = await openIntake(call, form, making ? 'made' : 'brought');
  const opening = {
    id: batchId,
    fleetId: fleet.id,
    tokenId: requester.id,
    profile: profileName,
    authority,
    ...how,
  };
  const { attempt } = await batches.openBatch(act, ca.runId, opening).catch(async (failure: unknown) => {
    await intake.abandon();
    throw failure;
  });

  inviteBody(req, res);
  const run = { ca, store: batches, batchId, attempt, context, authority, progress: new Progress() };
  if (prefersAsync(call)) {
    await acceptBatch(call, run, intake.rows);
    const batch = await batches.findBatch(batchId);
    if (!batch) throw new Error('a batch that was opened is not there');
    res.set({ Location: `/v1/batches/${batchId}`, 'Preference-Applied': 'respond-async' });
    sendJson(res, 202, batchJson(batch, fleet));
    return;
  }
  res.status(200).set({ 'Content-Type': NDJSON, Location: `/v1/batches/${batchId}` });
  res.flushHeaders();
  await exchangeBatch(call, run, intake.rows, chain);
}

async function showBatch(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { batch, fleet } = await getBatch(call);
  sendJson(call.res, 200, batchJson(batch, fleet));
}

const acknowledgementSchema = z.strictObject({ through: z.int().min(0) });

/** The client has the keys of outcomes up to a position: their envelopes go, a stride at a time. */
async function acknowledgeBatch(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { batch } = await getBatch(call);
  const { through } = await readJson(call, acknowledgementSchema);
  let reached = 0;
  let dropped = 0;
  do {
    const done = await call.edge.batches.acknowledgeOutcomes(call.act, batch.id, through);
    reached = done.through;
    dropped += done.dropped;
  } while (reached < through);
  sendJson(call.res, 200, { id: batch.id, acknowledged: reached, dropped });
}

export const batchRoutes: readonly GuardedRoute[] = [
  {
    method: 'post',
    path: '/v1/fleets/:fleet/batches',
    permission: 'certificate:request',
    scope: 'fleet',
    what: 'fleet',
    handle: sendBatch,
  },
  {
    method: 'get',
    path: '/v1/batches/:id',
    permission: 'batch:read',
    scope: 'record',
    what: 'batch',
    handle: showBatch,
  },
  {
    method: 'post',
    path: '/v1/batches/:id/acknowledge',
    permission: 'certificate:request',
    scope: 'record',
    what: 'batch',
    handle: acknowledgeBatch,
  },
];
