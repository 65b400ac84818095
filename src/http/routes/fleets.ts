import { z } from 'zod';
import { changeFleet, createFleet, type Fleet } from '../../ca/index.ts';
import { TARGETS } from '../../policy/index.ts';
import { readJson } from '../body.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { formatInstant } from '../instant.ts';
import { getFleet, nameSchema } from '../names.ts';
import { fitQuery, noQuery, pageQuery, readPage } from '../query.ts';
import { sendJson } from '../web.ts';

const gateway = {
  gatewayUrl: z.string().min(1).max(2048).nullable().optional(),
  /** Some tens of roots. */
  gatewayRoot: z
    .string()
    .min(1)
    .max(128 * 1024)
    .nullable()
    .optional(),
};

export const newFleetSchema = z.strictObject({ name: nameSchema, target: z.enum(TARGETS), ...gateway });

const settingSchema = z.string().min(1).max(2048).nullable().default(null);

export const fleetSettingsSchema = z.strictObject({
  ...gateway,
  hardwareId: settingSchema,
  pkcs11Module: settingSchema,
  gatewayTrusts: z.enum(['fleet-root', 'trust-bundle']).nullable().default(null),
  ostreeServer: settingSchema,
});

const fleetJson = ({ name, target, gatewayUrl, gatewayRoot, settings, createdAt }: Fleet) => ({
  name,
  target,
  gatewayUrl,
  gatewayRoot,
  ...settings,
  createdAt: formatInstant(createdAt),
});

async function postFleet(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { gatewayUrl = null, gatewayRoot = null, ...rest } = await readJson(call, newFleetSchema);
  const fleet = await createFleet(call.edge.ca, call.act, { ...rest, gatewayUrl, gatewayRoot });
  call.res.location(`/v1/fleets/${fleet.name}`);
  sendJson(call.res, 201, fleetJson(fleet));
}

/** A token that is bound to a fleet sees that one: the list must not tell what else exists. */
async function listFleets({ edge, req, res, requester }: Call): Promise<void> {
  const { after, limit } = fitQuery(pageQuery, req);
  const own = requester.fleet;
  const { items, next } = await readPage(
    limit,
    async (most) => {
      if (own === null) return edge.ca.ledger.listFleets(after, most);
      const fleet = own > after ? await edge.ca.ledger.findFleet(own) : undefined;
      return fleet ? [fleet] : [];
    },
    ({ name }) => name,
  );
  sendJson(res, 200, { items: items.map(fleetJson), next });
}

async function showFleet(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  sendJson(call.res, 200, fleetJson(await getFleet(call)));
}

/** All of it at once: what is left out is taken back. */
async function putSettings(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const fleet = await getFleet(call);
  const { gatewayUrl = null, gatewayRoot = null, ...settings } = await readJson(call, fleetSettingsSchema);
  const changed = await changeFleet(call.edge.ca, call.act, fleet, { gatewayUrl, gatewayRoot, settings });
  sendJson(call.res, 200, fleetJson(changed));
}

export const fleetRoutes: readonly GuardedRoute[] = [
  {
    method: 'post',
    path: '/v1/fleets',
    permission: 'fleet:create',
    scope: 'service',
    what: 'list of fleets',
    handle: postFleet,
  },
  {
    method: 'get',
    path: '/v1/fleets',
    permission: 'fleet:read',
    scope: 'record',
    what: 'list of fleets',
    handle: listFleets,
  },
  {
    method: 'get',
    path: '/v1/fleets/:fleet',
    permission: 'fleet:read',
    scope: 'fleet',
    what: 'fleet',
    handle: showFleet,
  },
  {
    method: 'put',
    path: '/v1/fleets/:fleet/settings',
    permission: 'fleet:change',
    scope: 'fleet',
    what: 'fleet',
    handle: putSettings,
  },
];
