import { z } from 'zod';
import { deviceLayout } from '../../bundle/index.ts';
import type { Device, Fleet } from '../../ca/index.ts';
import { notFound } from '../../enrollment/index.ts';
import { PkiError } from '../../errors.ts';
import { sendBundle } from '../certificate-forms.ts';
import { type CertificateView, certificateEntryJson, certificateStatus } from '../certificate-json.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { formatInstant } from '../instant.ts';
import { getFleet } from '../names.ts';
import { fitQuery, noQuery, pageQuery, readPage } from '../query.ts';
import { pathParameter, sendJson } from '../web.ts';

const MOST_CERTIFICATES = 100;

const deviceJson = ({ deviceId, createdAt }: Device, fleet: Fleet) => ({
  deviceId,
  fleet: fleet.name,
  createdAt: formatInstant(createdAt),
});

async function listDevices(call: Call): Promise<void> {
  const { after, limit } = fitQuery(pageQuery, call.req);
  const fleet = await getFleet(call);
  const { items, next } = await readPage(
    limit,
    (most) => call.edge.ca.ledger.listDevices(fleet.id, after, most),
    ({ deviceId }) => deviceId,
  );
  sendJson(call.res, 200, { items: items.map((device) => deviceJson(device, fleet)), next });
}

/** The device that the path names, with its certificates, newest first. Refuses `not-found`. */
async function getDevice(
  call: Call,
): Promise<{ device: Device; views: readonly CertificateView[]; fleet: Fleet }> {
  const fleet = await getFleet(call);
  const { ledger } = call.edge.ca;
  const deviceId = pathParameter(call.req, 'deviceId');
  // U+0000 is no part of any ID, and not every engine can be asked for it.
  const device = deviceId.includes('\0') ? undefined : await ledger.findDevice(fleet.id, deviceId);
  if (!device) throw notFound('device', call.requester.role);
  const [certificates, generations] = await Promise.all([
    ledger.listDeviceCertificates(fleet.id, deviceId, MOST_CERTIFICATES),
    ledger.listGenerations(fleet.id),
  ]);
  const views = certificates.map((certificate) => ({ certificate, fleet, generations, now: call.act.at }));
  return { device, views, fleet };
}

async function showDevice(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { device, views, fleet } = await getDevice(call);
  sendJson(call.res, 200, { ...deviceJson(device, fleet), certificates: views.map(certificateEntryJson) });
}

const bundleQuery = z.strictObject({ layout: z.enum([deviceLayout.name]).default(deviceLayout.name) });

async function showBundle(call: Call): Promise<void> {
  fitQuery(bundleQuery, call.req);
  const { views } = await getDevice(call);
  const live = views.find(({ certificate, now }) => certificateStatus(certificate, now) === 'active');
  if (!live) throw new PkiError('not-found', 'The device has no live certificate.');
  await sendBundle(call.res, live, deviceLayout);
}

const path = '/v1/fleets/:fleet/devices';
const common = { method: 'get', permission: 'certificate:read', scope: 'fleet', what: 'fleet' } as const;

export const deviceRoutes: readonly GuardedRoute[] = [
  { ...common, path, handle: listDevices },
  { ...common, path: `${path}/:deviceId`, handle: showDevice },
  { ...common, path: `${path}/:deviceId/bundle`, handle: showBundle },
];
