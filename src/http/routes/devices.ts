import { z } from 'zod';
import { refusalsOf, verifyFindings, warningsOf } from '../../bundle/index.ts';
import type { Device, Fleet } from '../../ca/index.ts';
import { layoutSchema, listFiles, sendBundle } from '../bundles.ts';
import { getBundle, getDevice } from '../device-bundle.ts';
import { type DeviceEntry, deviceHistoryJson, deviceJson } from '../device-json.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { type CsvColumns, negotiateList, pageLimit, streamList } from '../list-forms.ts';
import { getFleet } from '../names.ts';
import { fitQuery, noQuery, readPage, wholeNumber } from '../query.ts';
import { pathParameter, sendJson } from '../web.ts';

/** Devices that are read at a time for a stream. */
const STREAM_PAGE = 500;

const NO_NUL = /^[^\0]*$/;
const deviceId = z.string().min(1).max(256).regex(NO_NUL);

const COLUMNS: CsvColumns<DeviceEntry> = {
  names: ['deviceId', 'fleet', 'createdAt', 'state'],
  cells: ({ deviceId, fleet, createdAt, state }) => [deviceId, fleet, createdAt, state],
};

const devicesQuery = z.strictObject({
  deviceId: deviceId.optional(),
  keyDigest: z
    .string()
    .regex(/^[0-9a-fA-F]{64}$/, 'must be a SHA-256 in hex')
    .optional(),
  after: z.string().max(256).regex(NO_NUL).default(''),
  limit: wholeNumber(1).optional(),
});

type Wish = z.infer<typeof devicesQuery>;

/** One device at most where it is named, by its ID or by its key; else those of the fleet, page by page. */
async function findDevices({ edge }: Call, fleet: Fleet, wish: Wish): Promise<readonly Device[] | undefined> {
  const { ledger } = edge.ca;
  if (wish.deviceId === undefined && wish.keyDigest === undefined) return undefined;
  const found =
    wish.keyDigest === undefined
      ? await ledger.findDevice(fleet.id, wish.deviceId ?? '')
      : await ledger.findDeviceOfKey(fleet.id, Buffer.from(wish.keyDigest, 'hex'));
  const fits = found && (wish.deviceId === undefined || found.deviceId === wish.deviceId);
  return fits ? [found] : [];
}

async function* devicePages(call: Call, fleet: Fleet, wish: Wish): AsyncGenerator<readonly DeviceEntry[]> {
  const toJson = (device: Device): DeviceEntry => deviceJson(device, fleet);
  const named = await findDevices(call, fleet, wish);
  if (named) {
    yield named.map(toJson);
    return;
  }
  let { after } = wish;
  for (let left = wish.limit ?? Number.MAX_SAFE_INTEGER; left > 0; ) {
    const page = await call.edge.ca.ledger.listDevices(fleet.id, after, Math.min(left, STREAM_PAGE));
    const last = page.at(-1);
    if (!last) return;
    yield page.map(toJson);
    after = last.deviceId;
    left -= page.length;
  }
}

async function listDevices(call: Call): Promise<void> {
  const wish = fitQuery(devicesQuery, call.req);
  const fleet = await getFleet(call);
  const form = negotiateList(call.req, call.res);
  if (form !== 'application/json') return streamList(call.res, form, devicePages(call, fleet, wish), COLUMNS);
  const named = await findDevices(call, fleet, wish);
  const limit = pageLimit(wish.limit);
  const { items, next } = await readPage(
    limit,
    async (most) => named ?? call.edge.ca.ledger.listDevices(fleet.id, wish.after, most),
    ({ deviceId }) => deviceId,
  );
  sendJson(call.res, 200, { items: items.map((device) => deviceJson(device, fleet)), next });
}

async function showDevice(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { device, fleet, views } = await getDevice(call, pathParameter(call.req, 'deviceId'));
  sendJson(call.res, 200, await deviceHistoryJson(call, fleet, device, views));
}

const bundleQuery = z.strictObject({ layout: layoutSchema.default('device') });

/** The bundle that the call names. */
const bundleOf = (call: Call) => {
  const { layout } = fitQuery(bundleQuery, call.req);
  return getBundle(call, pathParameter(call.req, 'deviceId'), layout);
};

async function showBundle(call: Call): Promise<void> {
  const { bundle } = await bundleOf(call);
  await sendBundle(call.res, bundle, verifyFindings(bundle.findings));
}

/** What `showBundle` would answer, in words: nothing is made. */
async function checkDeviceBundle(call: Call): Promise<void> {
  const { name, view, bundle } = await bundleOf(call);
  const reasons = refusalsOf(bundle.findings);
  sendJson(call.res, 200, {
    fleet: view.fleet.name,
    deviceId: view.certificate.deviceId,
    certificate: Buffer.from(view.certificate.fingerprint).toString('hex'),
    layout: name,
    fits: reasons.length === 0,
    reasons,
    warnings: warningsOf(bundle.findings),
    files: reasons.length === 0 ? listFiles(bundle.layOut()) : [],
  });
}

const path = '/v1/fleets/:fleet/devices';
const common = { method: 'get', permission: 'certificate:read', scope: 'fleet', what: 'fleet' } as const;

export const deviceRoutes: readonly GuardedRoute[] = [
  { ...common, path, handle: listDevices },
  { ...common, path: `${path}/:deviceId`, handle: showDevice },
  { ...common, path: `${path}/:deviceId/bundle`, handle: showBundle },
  { ...common, path: `${path}/:deviceId/bundle/check`, handle: checkDeviceBundle },
];
