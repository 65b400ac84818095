import { segment, withClient } from '../client/client.ts';
import { readPages } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { showList } from '../list.ts';

interface AbandonedIntent {
  readonly serial: string;
  readonly authority: { readonly name: string; readonly generation: number } | null;
  readonly deviceId: string | null;
  readonly recordedAt: string;
  readonly revokedAt: string | null;
}

/** `certificate abandoned`: oldest first. */
export async function listAbandoned(
  invocation: Invocation,
  { fleet }: { readonly fleet: string },
): Promise<undefined> {
  const path = `/v1/fleets/${segment(fleet)}/abandoned-intents`;
  await withClient(invocation, (client) =>
    showList(invocation.output, readPages<AbandonedIntent>(client, path), {
      headings: ['SERIAL', 'DEVICE', 'AUTHORITY', 'RECORDED', 'REVOKED'],
      cells: ({ serial, deviceId, authority, recordedAt, revokedAt }) => [
        ...[serial, deviceId, authority && `${authority.name}, generation ${authority.generation}`],
        ...[recordedAt, revokedAt],
      ],
    }),
  );
}
