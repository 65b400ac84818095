import { withClient } from '../client/client.ts';
import { readPages } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { showList } from '../list.ts';

interface AuditEntry {
  readonly seq: number;
  readonly at: string;
  readonly actor: { readonly kind: string; readonly id: string; readonly role: string };
  readonly action: string;
  readonly fleet: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** `audit list`. */
export async function listAudit(
  invocation: Invocation,
  { after }: { readonly after?: number },
): Promise<undefined> {
  await withClient(invocation, (client) =>
    showList(invocation.output, readPages<AuditEntry>(client, '/v1/audit', after), {
      headings: ['SEQ', 'AT', 'ACTOR', 'ACTION', 'FLEET', 'DETAILS'],
      cells: ({ seq, at, actor, action, fleet, details }) => [
        seq,
        at,
        `${actor.kind} ${actor.id}`,
        action,
        fleet,
        JSON.stringify(details),
      ],
    }),
  );
}
