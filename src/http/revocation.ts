import { z } from 'zod';
import type { Fleet } from '../ca/index.ts';
import { revokeAll } from '../ca/index.ts';
import { REVOCATION_REASONS, type RevocationReason } from '../x509/index.ts';
import { readJson } from './body.ts';
import type { Call } from './edge.ts';
import { fitQuery, noQuery } from './query.ts';
import { sendJson } from './web.ts';

const reasons = Object.keys(REVOCATION_REASONS) as [RevocationReason, ...RevocationReason[]];

export const revocationSchema = z.strictObject({ reason: z.enum(reasons) });

/** Revokes all of a device or a batch, and answers how many. */
export async function sendRevocation(
  call: Call,
  fleet: Fleet,
  of: Parameters<typeof revokeAll>[3],
): Promise<void> {
  const { edge, act, res } = call;
  fitQuery(noQuery, call.req);
  const { reason } = await readJson(call, revocationSchema);
  const { revoked, before } = await revokeAll(edge.ca, act, fleet, of, reason);
  edge.lists.soon();
  sendJson(res, 200, { fleet: fleet.name, ...of, reason, revoked, revokedBefore: before });
}
