import { type CertificateEntry, certificateLines } from '../certificate.ts';
import { segment, withClient } from '../client/client.ts';
import { callJson } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { show } from '../output.ts';
import { type ListForms, streamList } from '../stream-list.ts';
import { formatFields } from '../table.ts';

export interface InFleet {
  readonly fleet: string;
}

interface DeviceEntry extends InFleet {
  readonly deviceId: string;
  readonly createdAt: string;
  readonly state: string;
}

export interface Device extends DeviceEntry {
  readonly changes: readonly {
    readonly state: string;
    readonly reason: string;
    readonly at: string;
    readonly by: string;
  }[];
  readonly certificates: readonly CertificateEntry[];
}

export const pathOf = ({ fleet }: InFleet): string => `/v1/fleets/${segment(fleet)}/devices`;

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
    headings: ['DEVICE', 'SINCE', 'STATE'],
    cells: (device) => [device.deviceId, device.createdAt, device.state],
  });
}

export const deviceLines = ({ deviceId, fleet, createdAt, state, changes, certificates }: Device): string =>
  [
    formatFields([
      ['device', deviceId],
      ['fleet', fleet],
      ['since', createdAt],
      ['state', state],
      ['certificates', certificates.length],
    ]),
    ...changes.map((change) => `${change.at}  ${change.state} by ${change.by}: ${change.reason}`),
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
