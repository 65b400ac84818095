import type { Device, DeviceChange, Fleet } from '../ca/index.ts';
import { type CertificateView, certificateEntryJson } from './certificate-json.ts';
import type { Call } from './edge.ts';
import { formatInstant } from './instant.ts';

const MOST_CHANGES = 100;

export const deviceJson = ({ deviceId, createdAt, state }: Device, fleet: Fleet) => ({
  deviceId,
  fleet: fleet.name,
  createdAt: formatInstant(createdAt),
  state,
});

export type DeviceEntry = ReturnType<typeof deviceJson>;

const changeJson = ({ state, reason, at, actor }: DeviceChange) => ({
  state,
  reason,
  at: formatInstant(at),
  by: actor.id,
});

/** A device with what became of it, newest first. */
export async function deviceHistoryJson(
  call: Call,
  fleet: Fleet,
  device: Device,
  views: readonly CertificateView[],
) {
  const changes = await call.edge.ca.devices.listDeviceChanges(fleet.id, device.deviceId, MOST_CHANGES);
  return {
    ...deviceJson(device, fleet),
    changes: changes.map(changeJson),
    certificates: views.map(certificateEntryJson),
  };
}
