import type { Batch } from '../batch/index.ts';
import type { Fleet } from '../ca/index.ts';
import { isAllowed, notFound } from '../enrollment/index.ts';
import type { Call } from './edge.ts';
import { pathParameter } from './web.ts';

export const BATCH_ID = /^[A-Za-z0-9._:-]{1,128}$/;

/** The batch that the path names, if the requester may. Refuses `not-found`. */
export async function getBatch({ edge, req, requester }: Call): Promise<{ batch: Batch; fleet: Fleet }> {
  const id = pathParameter(req, 'id');
  const batch = BATCH_ID.test(id) ? await edge.batches.findBatch(id) : undefined;
  const fleet = batch && (await edge.ca.ledger.findFleetById(batch.fleetId));
  if (batch && fleet && isAllowed(requester, 'batch:read', fleet.name)) return { batch, fleet };
  throw notFound('batch', requester.role);
}
