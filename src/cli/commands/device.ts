import { type CertificateEntry, certificateLines } from '../certificate.ts';
import { segment, withClient } from '../client/client.ts';
import { callJson } from '../client/json.ts';
import { saveFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
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

interface BundleOptions extends InFleet {
  readonly layout: string;
  readonly out?: string;
}

/** `bundle`: the zip to a file or to stdout. */
export async function fetchBundle(
  invocation: Invocation,
  deviceId: string,
  { fleet, layout, out }: BundleOptions,
): Promise<undefined> {
  const { output } = invocation;
  if (out === undefined && (output.stdoutIsTerminal || output.json)) {
    throw new LocalFailure('usage', 'A zip is no text: say where it goes with --out.');
  }
  const path = `${pathOf({ fleet })}/${segment(deviceId)}/bundle`;
  await withClient(invocation, async (client) => {
    const answer = await client.send({ method: 'GET', path, query: { layout } });
    if (out !== undefined) return saveFile(out, 0o600, client.read(answer));
    for await (const piece of client.read(answer)) await output.data(piece);
  });
  if (out === undefined) return;
  await show(output, { fleet, deviceId, layout, out }, () => '');
  if (!output.json) output.say(`The bundle of ${deviceId}: ${out}`);
}
