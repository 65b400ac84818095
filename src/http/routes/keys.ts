import { z } from 'zod';
import { notFound } from '../../enrollment/index.ts';
import { readJson } from '../body.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { getFleet, reasonSchema } from '../names.ts';
import { fitQuery, noQuery } from '../query.ts';
import { pathParameter } from '../web.ts';

export const keyReleaseSchema = z.strictObject({ reason: reasonSchema });

async function releaseKey(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const fleet = await getFleet(call);
  const digest = pathParameter(call.req, 'digest');
  const { reason } = await readJson(call, keyReleaseSchema);
  if (!/^[0-9a-f]{64}$/.test(digest)) throw notFound('key', call.requester.role);
  await call.edge.ca.ledger.releaseKey(call.act, fleet.id, Buffer.from(digest, 'hex'), reason);
  call.res.status(204).end();
}

export const keyRoutes: readonly GuardedRoute[] = [
  {
    method: 'post',
    path: '/v1/fleets/:fleet/keys/:digest/release',
    permission: 'key:release',
    scope: 'fleet',
    what: 'fleet',
    handle: releaseKey,
  },
];
