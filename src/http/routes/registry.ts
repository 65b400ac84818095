import { z } from 'zod';
import type { Device, Fleet } from '../../ca/index.ts';
import { isAllowed, notFound } from '../../enrollment/index.ts';
import { PkiError } from '../../errors.ts';
import { DEVICE_TYPES, type NewDestination, type Registry, urlFault } from '../../outgoing/index.ts';
import { readJson } from '../body.ts';
import { deliveryJson } from '../delivery-json.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { getBatch } from '../get-batch.ts';
import { formatInstant } from '../instant.ts';
import { getFleet } from '../names.ts';
import { fitQuery, noQuery } from '../query.ts';
import { serverCaSchema } from '../server-ca.ts';
import { pathParameter, sendJson } from '../web.ts';

/** A registry has no name of its own: a fleet has one. */
const NAME = 'registry';

/** Whose devices may be known by a UUID, and whose gateway may stand before such a registry. */
const TARGETS = ['ota-ce', 'generic'];

const labelSchema = z.string().min(1).max(64).nullable().default(null);

export const registrySchema = z.strictObject({
  url: z.string().min(1).max(2048),
  namespace: z
    .string()
    .regex(/^[\x21-\x7e]{1,128}$/)
    .default('default'),
  deviceType: z.enum(DEVICE_TYPES).default('Other'),
  deviceIdLabel: labelSchema,
  deviceNameLabel: labelSchema,
  serverCa: serverCaSchema,
  token: z
    .string()
    .regex(/^[\x21-\x7e]{1,4096}$/)
    .nullable()
    .default(null),
});

const registryJson = ({ url, settings, secret, createdAt }: Registry, fleet: Fleet) => ({
  fleet: fleet.name,
  url,
  ...settings,
  hasToken: secret !== null,
  createdAt: formatInstant(createdAt),
});

async function findRegistry({ edge }: Call, fleet: Fleet): Promise<Registry | undefined> {
  const found = await edge.outgoing.findDestination(fleet.id, 'registry', NAME);
  return found?.kind === 'registry' ? found : undefined;
}

async function getRegistry(call: Call, fleet: Fleet): Promise<Registry> {
  const registry = await findRegistry(call, fleet);
  if (registry) return registry;
  throw notFound('device registry', call.requester.role);
}

/** Refuses `bad-request`. */
function verifyRegistryUrl({ edge }: Call, url: string): void {
  const fault =
    urlFault(url, edge.reach) ?? (/[?]|\/$/.test(url) ? 'must have no query and no final slash' : undefined);
  if (fault === undefined) return;
  throw new PkiError('bad-request', `The registry's URL ${fault}.`, {
    violations: [{ at: '/url', message: fault }],
  });
}

async function setRegistry(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { edge, act } = call;
  const fleet = await getFleet(call);
  const { url, token, ...settings } = await readJson(call, registrySchema);
  verifyRegistryUrl(call, url);
  if (!TARGETS.includes(fleet.target)) {
    throw new PkiError(
      'bad-request',
      `Servers of the target ${fleet.target} have no such registry: it is ${TARGETS.join("'s or ")}'s.`,
    );
  }
  const known = await findRegistry(call, fleet);
  const isSame = known?.url === url && known.settings.namespace === settings.namespace;
  const id = isSame ? known.id : Buffer.from(edge.ca.random.bytes(8)).toString('hex');
  const secret = token === null ? null : await edge.seal.seal(token, id);
  const wish: NewDestination = { id, fleetId: fleet.id, kind: 'registry', name: NAME, url, settings, secret };
  const set = (await edge.outgoing.recordDestination(act, wish)) as Registry;
  sendJson(call.res, 200, registryJson(set, fleet));
}

async function showRegistry(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const fleet = await getFleet(call);
  sendJson(call.res, 200, registryJson(await getRegistry(call, fleet), fleet));
}

async function removeRegistry(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { id } = await getRegistry(call, await getFleet(call));
  await call.edge.outgoing.removeDestination(call.act, id);
  call.res.status(204).end();
}

interface Named {
  readonly fleet: Fleet;
  readonly registry: Registry;
  readonly device: Device;
}

async function getDevice(call: Call): Promise<Named> {
  const fleet = await getFleet(call);
  const id = pathParameter(call.req, 'deviceId');
  const device = id.includes('\0') ? undefined : await call.edge.ca.ledger.findDevice(fleet.id, id);
  if (!device) throw notFound('device', call.requester.role);
  return { fleet, device, registry: await getRegistry(call, fleet) };
}

async function registerDevice(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { registry, device } = await getDevice(call);
  const delivery = await call.edge.outgoing.orderDevice(call.act, registry.id, device.deviceId);
  sendJson(call.res, 202, deliveryJson(delivery, registry));
}

async function showRegistration(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { fleet, registry, device } = await getDevice(call);
  const { outgoing, ca } = call.edge;
  const registered = await outgoing.findDeviceRegistration(registry.id, device.deviceId);
  const delivery = await outgoing.findDelivery(fleet.id, `dev_${registry.id}_${device.deviceId}`);
  const certificates = await ca.ledger.listDeviceCertificates(fleet.id, device.deviceId, 100);
  const shown = certificates.find(({ intentId }) => intentId === registered?.intentId);
  sendJson(call.res, 200, {
    deviceId: device.deviceId,
    registered: registered
      ? {
          at: formatInstant(registered.at),
          certificate: shown ? Buffer.from(shown.fingerprint).toString('hex') : null,
        }
      : null,
    delivery: delivery ? deliveryJson(delivery, registry) : null,
  });
}

/** How far an order for a lot has come. */
async function sendOrder(call: Call, status: 200 | 202): Promise<void> {
  const { batch, fleet } = await getBatch(call);
  const registry = await getRegistry(call, fleet);
  const { orders } = await call.edge.outgoing.readBacklog(registry.id, call.act.at, 1, 1);
  const order = orders.find(({ batchId }) => batchId === batch.id);
  sendJson(call.res, status, {
    batch: batch.id,
    state: order ? 'pending' : 'done',
    after: order ? order.after : batch.lastSeq,
    lastSeq: batch.lastSeq,
  });
}

async function registerBatch(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { batch, fleet } = await getBatch(call);
  if (!isAllowed(call.requester, 'outgoing:manage', fleet.name)) throw notFound('batch', call.requester.role);
  const { id } = await getRegistry(call, fleet);
  await call.edge.outgoing.orderLot(call.act, id, batch.id);
  await sendOrder(call, 202);
}

async function showBatchRegistration(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { fleet } = await getBatch(call);
  if (!isAllowed(call.requester, 'outgoing:read', fleet.name)) throw notFound('batch', call.requester.role);
  await sendOrder(call, 200);
}

const path = '/v1/fleets/:fleet/registry';
const device = '/v1/fleets/:fleet/devices/:deviceId/registration';
const batch = '/v1/batches/:id/registration';
const inFleet = { scope: 'fleet', what: 'fleet' } as const;
const ofRecord = { scope: 'record', what: 'batch' } as const;
const manage = { permission: 'outgoing:manage' } as const;
const read = { method: 'get', permission: 'outgoing:read' } as const;

export const registryRoutes: readonly GuardedRoute[] = [
  { ...inFleet, ...manage, method: 'put', path, handle: setRegistry },
  { ...inFleet, ...read, path, handle: showRegistry },
  { ...inFleet, ...manage, method: 'delete', path, handle: removeRegistry },
  { ...inFleet, ...manage, method: 'post', path: device, handle: registerDevice },
  { ...inFleet, ...read, path: device, handle: showRegistration },
  { ...ofRecord, ...manage, method: 'post', path: batch, handle: registerBatch },
  { ...ofRecord, ...read, path: batch, handle: showBatchRegistration },
];
