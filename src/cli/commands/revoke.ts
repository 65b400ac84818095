import { type Certificate, certificateLines } from '../certificate.ts';
import { segment, withClient } from '../client/client.ts';
import { callJson, postJson } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { show } from '../output.ts';

/** `revoke`. */
export async function revoke(
  invocation: Invocation,
  id: string,
  { reason }: { readonly reason: string },
): Promise<undefined> {
  const { output } = invocation;
  // The same again keeps the first mark.
  const call = {
    ...postJson(`/v1/certificates/${segment(id)}/revoke`, { reason }),
    isRepeatable: true,
  } as const;
  const revoked = await withClient(invocation, (client) => callJson<Certificate>(client, call));
  await show(output, revoked, certificateLines);
  if (!output.json) output.say('No CRL is published yet: block the device at its gateway as well.');
}

/** `key release`. */
export async function releaseKey(
  { globals, output }: Invocation,
  digest: string,
  { fleet, reason }: { readonly fleet: string; readonly reason: string },
): Promise<undefined> {
  const path = `/v1/fleets/${segment(fleet)}/keys/${segment(digest.toLowerCase())}/release`;
  await withClient({ globals, output }, async (client) => {
    (await client.send(postJson(path, { reason }))).resume();
  });
  await show(output, { fleet, digest: digest.toLowerCase(), released: true }, () => '');
  if (!output.json) output.say('The key is free: the next device that asks with it gets it.');
}
