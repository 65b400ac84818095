import { type CertificateEntry, certificateLines } from '../certificate.ts';
import { segment, withClient } from '../client/client.ts';
import { callJson } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { show } from '../output.ts';
import { type ListForms, streamList } from '../stream-list.ts';
import { formatFields } from '../table.ts';

interface InFleet {
  readonly fleet: string;
}

interface DeviceEntry extends InFleet {
  readonly deviceId: string;
  readonly createdAt: string;
}

interface Device extends DeviceEntry {
  readonly certificates: readonly CertificateEntry[];
}

const pathOf = ({ fleet }: InFleet): string => `/v1/fleets/${segment(fleet)}/devices`;

interface DeviceFilters extends InFleet, ListForms {
  readonly deviceId?: string;
  readonly key?: string;
}

/** `device list`. */
export async function listDevices(
  invocation: Invocation,
  { fleet, deviceId, key, ...forms }: DeviceFilters,
): Promise<undefined> {
  const call = { path: pathOf({ fleet }), query: { deviceId, keyDigest: key } };
  await streamList<DeviceEntry>(invocation, call, forms, {
    headings: ['DEVICE', 'SINCE'],
    cells: (device) => [device.deviceId, device.createdAt],
  });
}

const deviceLines = ({ deviceId, fleet, createdAt, certificates }: Device): string =>
  [
    formatFields([
      ['device', deviceId],
      ['fleet', fleet],
      ['since', createdAt],
      ['certificates', certificates.length],
    ]),
    ...certificates.map(certificateLines),
  ].join('\n');

/** `device show`. */
export async function showDevice(
  invocation: Invocation,
  deviceId: string,
  fleet: InFleet,
): Promise<undefined> {
  const path = `${pathOf(fleet)}/${segment(deviceId)}`;
  const device = await withClient(invocation, (client) => callJson<Device>(client, { method: 'GET', path }));
  await show(invocation.output, device, deviceLines);
}
