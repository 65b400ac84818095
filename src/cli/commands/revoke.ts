import { type Certificate, certificateLines } from '../certificate.ts';
import { segment, withClient } from '../client/client.ts';
import { callJson, postJson } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { sayWarnings, show } from '../output.ts';
import { formatFields } from '../table.ts';

interface Wish {
  readonly reason: string;
  readonly fleet?: string;
  readonly device?: string;
  readonly batch?: string;
  readonly serial?: string;
}

interface RevokedTogether {
  readonly fleet: string;
  readonly revoked: number;
  readonly revokedBefore: number;
}

/** What is revoked, as a path of the API. Throws `usage` where that is not exactly one thing. */
function pathOf(id: string | undefined, { fleet, device, batch, serial }: Wish): string {
  if ([id, device, batch, serial].filter((one) => one !== undefined).length !== 1)
    throw new LocalFailure('usage', 'One of an id, --serial, --device and --batch says what is revoked.');
  if ((device === undefined && serial === undefined) !== (fleet === undefined))
    throw new LocalFailure('usage', '--device and --serial go with --fleet.');
  if (serial !== undefined) return `/v1/fleets/${segment(fleet ?? '')}/serials/${segment(serial)}/revoke`;
  if (device !== undefined) return `/v1/fleets/${segment(fleet ?? '')}/devices/${segment(device)}/revoke`;
  return batch === undefined
    ? `/v1/certificates/${segment(id ?? '')}/revoke`
    : `/v1/batches/${segment(batch)}/revoke`;
}

interface RevokedSerial {
  readonly serial: string;
  readonly fleet: string;
  readonly deviceId: string | null;
  readonly certificate: string | null;
  readonly revokedAt: string;
  readonly revocationReason: string;
}

const serialLines = ({ serial, deviceId, certificate, revokedAt, revocationReason }: RevokedSerial): string =>
  formatFields([
    ['serial', serial],
    ['device', deviceId ?? '-'],
    ['certificate', certificate ?? 'not on record'],
    ['revoked', `${revokedAt}, ${revocationReason}`],
  ]);

type Revoked = Certificate | RevokedTogether | RevokedSerial;

function revokedLines(done: Revoked): string {
  if ('revoked' in done) return countLines(done);
  return 'id' in done ? certificateLines(done) : serialLines(done);
}

const countLines = ({ fleet, revoked, revokedBefore }: RevokedTogether): string =>
  formatFields([
    ['fleet', fleet],
    ['revoked', String(revoked)],
    ['before', String(revokedBefore)],
  ]);

/** `revoke`. */
export async function revoke(invocation: Invocation, id: string | undefined, wish: Wish): Promise<undefined> {
  const { output } = invocation;
  const { reason } = wish;
  // The same again keeps the first mark.
  const call = { ...postJson(pathOf(id, wish), { reason }), isRepeatable: true } as const;
  const done = await withClient(invocation, (client) => callJson<Revoked>(client, call));
  await show(output, done, revokedLines);
  const warnings = 'warnings' in done ? done.warnings : [];
  sayWarnings(output, warnings);
  if (output.json || warnings.length > 0) return;
  output.say(
    `The CRL says so within seconds. A gateway knows when it reads /pki/${done.fleet}/crls.pem again.`,
  );
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
