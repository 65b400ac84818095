import { segment, withClient } from '../client/client.ts';
import { callJson } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { show } from '../output.ts';
import { formatFields } from '../table.ts';

interface Sighting {
  readonly id: string;
  readonly deviceId: string;
  readonly seenAt: string | null;
  readonly revoked: number;
}

/** `certificate seen`. */
export async function reportSeen(invocation: Invocation, id: string): Promise<undefined> {
  const path = `/v1/certificates/${segment(id.toLowerCase())}/seen`;
  // The same again changes nothing.
  const call = { method: 'POST', path, isRepeatable: true } as const;
  const seen = await withClient(invocation, (client) => callJson<Sighting>(client, call));
  await show(invocation.output, seen, ({ deviceId, seenAt, revoked }) =>
    formatFields([
      ['device', deviceId],
      ['first seen', seenAt ?? 'never: it is revoked'],
      ['revoked by that', revoked],
    ]),
  );
}
