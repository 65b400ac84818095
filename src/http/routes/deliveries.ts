import { z } from 'zod';
import type { Fleet } from '../../ca/index.ts';
import { notFound } from '../../enrollment/index.ts';
import type { Delivery, Destination } from '../../outgoing/index.ts';
import { deliveryJson } from '../delivery-json.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { getFleet } from '../names.ts';
import { fitQuery, noQuery, readPage, wholeNumber } from '../query.ts';
import { pathParameter, sendJson } from '../web.ts';

const listQuery = z.strictObject({
  state: z.enum(['pending', 'dead']).optional(),
  after: wholeNumber(0).default(0),
  limit: wholeNumber(1, 1000).default(100),
});

/** As many as a fleet can have, and more. */
const MOST_DESTINATIONS = 1_000;

/** Whom the deliveries of a fleet go to, by id. A delivery goes with its destination. */
async function destinationsOf({ edge }: Call, fleet: Fleet): Promise<ReadonlyMap<string, Destination>> {
  const kinds = ['registry', 'webhook'] as const;
  const lists = await Promise.all(
    kinds.map((kind) => edge.outgoing.listDestinations(fleet.id, kind, '', MOST_DESTINATIONS)),
  );
  return new Map(lists.flat().map((one) => [one.id, one]));
}

const show = (destinations: ReadonlyMap<string, Destination>) => (delivery: Delivery) => {
  const to = destinations.get(delivery.destinationId);
  return to ? [deliveryJson(delivery, to)] : [];
};

async function listDeliveries(call: Call): Promise<void> {
  const { state = null, after, limit } = fitQuery(listQuery, call.req);
  const fleet = await getFleet(call);
  const { items, next } = await readPage(
    limit,
    (most) => call.edge.outgoing.listDeliveries({ fleetId: fleet.id, state }, after, most),
    ({ number }) => String(number),
  );
  const destinations = await destinationsOf(call, fleet);
  sendJson(call.res, 200, { items: items.flatMap(show(destinations)), next });
}

async function retryDelivery(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const fleet = await getFleet(call);
  const id = pathParameter(call.req, 'id');
  if (!/^[\x21-\x7e]{1,256}$/.test(id)) throw notFound('delivery', call.requester.role);
  const delivery = await call.edge.outgoing.retryDelivery(call.act, fleet.id, id);
  const [shown] = show(await destinationsOf(call, fleet))(delivery);
  if (!shown) throw notFound('delivery', call.requester.role);
  sendJson(call.res, 202, shown);
}

const path = '/v1/fleets/:fleet/deliveries';
const common = { scope: 'fleet', what: 'fleet' } as const;

export const deliveryRoutes: readonly GuardedRoute[] = [
  { ...common, method: 'get', permission: 'outgoing:read', path, handle: listDeliveries },
  {
    ...common,
    method: 'post',
    permission: 'outgoing:manage',
    path: `${path}/:id/retry`,
    handle: retryDelivery,
  },
];
