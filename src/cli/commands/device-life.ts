import { segment, withClient } from '../client/client.ts';
import { callJson, postJson } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { show } from '../output.ts';
import { type Device, deviceLines, type InFleet, pathOf } from './device.ts';

interface Change extends InFleet {
  readonly reason: string;
}

/** Changes the state of a device; the same again changes nothing. */
async function change(
  invocation: Invocation,
  deviceId: string,
  { fleet, reason }: Change,
  what: 'scrap' | 'reinstate',
): Promise<void> {
  const path = `${pathOf({ fleet })}/${segment(deviceId)}/${what}`;
  const call = { ...postJson(path, { reason }), isRepeatable: true } as const;
  const device = await withClient(invocation, (client) => callJson<Device>(client, call));
  await show(invocation.output, device, deviceLines);
}

/** `device scrap`. */
export async function scrapDevice(
  invocation: Invocation,
  deviceId: string,
  wish: Change,
): Promise<undefined> {
  await change(invocation, deviceId, wish, 'scrap');
  if (invocation.output.json) return;
  invocation.output.say(
    `The CRL says so within seconds. A gateway knows when it reads /pki/${wish.fleet}/crls.pem again.`,
  );
}

/** `device reinstate`. */
export async function reinstateDevice(
  invocation: Invocation,
  deviceId: string,
  wish: Change,
): Promise<undefined> {
  await change(invocation, deviceId, wish, 'reinstate');
  if (!invocation.output.json) invocation.output.say('It needs a new certificate: ask with --supersede.');
}
