import { z } from 'zod';
import { destroyKey } from '../../ca/index.ts';
import { notFound } from '../../enrollment/index.ts';
import { authorityJson } from '../authority-json.ts';
import { readJson } from '../body.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { authorityIn, generationIn, getFleet, reasonSchema } from '../names.ts';
import { fitQuery, noQuery } from '../query.ts';
import { sendJson } from '../web.ts';

export const destructionSchema = z.strictObject({
  reason: reasonSchema,
  /** SHA-256 of its certificate, hex. */
  fingerprint: z.string().regex(/^[0-9a-fA-F]{64}$/),
});

/** Destroys the key of a generation; the last CRL is published before. The same again ends what broke off. */
async function destroy(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { edge, act, res, requester } = call;
  const fleet = await getFleet(call);
  const [authority, number] = [authorityIn(call), generationIn(call)];
  const generations = await edge.ca.ledger.listGenerations(fleet.id);
  if (!generations.some((one) => one.authority === authority && one.number === number))
    throw notFound('generation', requester.role);
  const { reason, fingerprint } = await readJson(call, destructionSchema);
  const destroyed = await destroyKey(edge.ca, act, fleet, { authority, number, reason, fingerprint });
  sendJson(res, 200, authorityJson(destroyed, await edge.ca.ledger.listGenerations(fleet.id)));
}

export const destructionRoutes: readonly GuardedRoute[] = [
  {
    method: 'post',
    path: '/v1/fleets/:fleet/authorities/:authority/generations/:generation/destroy',
    permission: 'authority:create',
    scope: 'fleet',
    what: 'fleet',
    handle: destroy,
  },
];
