import { isAllowed, notFound } from '../../enrollment/index.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { getBatch } from '../get-batch.ts';
import { getFleet } from '../names.ts';
import { sendRevocation } from '../revocation.ts';
import { pathParameter } from '../web.ts';

async function revokeDevice(call: Call): Promise<void> {
  const fleet = await getFleet(call);
  const id = pathParameter(call.req, 'deviceId');
  // U+0000 is no part of any ID, and not every engine can be asked for it.
  const device = id.includes('\0') ? undefined : await call.edge.ca.ledger.findDevice(fleet.id, id);
  if (!device) throw notFound('device', call.requester.role);
  await sendRevocation(call, fleet, { device: device.deviceId });
}

/** What was issued in a batch; what it replayed was issued in another. */
async function revokeBatch(call: Call): Promise<void> {
  const { batch, fleet } = await getBatch(call);
  if (!isAllowed(call.requester, 'certificate:revoke', fleet.name))
    throw notFound('batch', call.requester.role);
  await sendRevocation(call, fleet, { batch: batch.id });
}

const common = { method: 'post', permission: 'certificate:revoke' } as const;

export const revocationRoutes: readonly GuardedRoute[] = [
  {
    ...common,
    path: '/v1/fleets/:fleet/devices/:deviceId/revoke',
    scope: 'fleet',
    what: 'fleet',
    handle: revokeDevice,
  },
  { ...common, path: '/v1/batches/:id/revoke', scope: 'record', what: 'batch', handle: revokeBatch },
];
