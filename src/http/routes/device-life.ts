import { z } from 'zod';
import { type Fleet, scrapDevice } from '../../ca/index.ts';
import { notFound } from '../../enrollment/index.ts';
import { readJson } from '../body.ts';
import { getDevice } from '../device-bundle.ts';
import { deviceHistoryJson } from '../device-json.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { getFleet, reasonSchema } from '../names.ts';
import { fitQuery, noQuery } from '../query.ts';
import { pathParameter, sendJson } from '../web.ts';

const changeSchema = z.strictObject({ reason: reasonSchema });

/** The device that the path names, and why its state is to change. Refuses `not-found`. */
async function readChange(
  call: Call,
): Promise<{ readonly fleet: Fleet; readonly deviceId: string; readonly reason: string }> {
  fitQuery(noQuery, call.req);
  const fleet = await getFleet(call);
  const deviceId = pathParameter(call.req, 'deviceId');
  // U+0000 is no part of any ID, and not every engine can be asked for it.
  if (deviceId.includes('\0')) throw notFound('device', call.requester.role);
  const { reason } = await readJson(call, changeSchema);
  return { fleet, deviceId, reason };
}

async function sendDevice(call: Call, fleet: Fleet, deviceId: string): Promise<void> {
  const { device, views } = await getDevice(call, deviceId);
  sendJson(call.res, 200, await deviceHistoryJson(call, fleet, device, views));
}

async function scrap(call: Call): Promise<void> {
  const { fleet, deviceId, reason } = await readChange(call);
  const revoked = await scrapDevice(call.edge.ca, call.act, fleet, deviceId, reason);
  if (revoked > 0) call.edge.lists.soon();
  await sendDevice(call, fleet, deviceId);
}

async function reinstate(call: Call): Promise<void> {
  const { fleet, deviceId, reason } = await readChange(call);
  await call.edge.ca.devices.reinstateDevice(call.act, fleet.id, deviceId, reason);
  await sendDevice(call, fleet, deviceId);
}

const path = '/v1/fleets/:fleet/devices/:deviceId';
const common = { method: 'post', permission: 'device:scrap', scope: 'fleet', what: 'device' } as const;

export const deviceLifeRoutes: readonly GuardedRoute[] = [
  { ...common, path: `${path}/scrap`, handle: scrap },
  { ...common, path: `${path}/reinstate`, handle: reinstate },
];
