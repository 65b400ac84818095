import { type Client, segment, withClient } from '../client/client.ts';
import { callJson, readPages } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { showList } from '../list.ts';
import { LocalFailure } from '../local-failure.ts';
import { show } from '../output.ts';

interface InFleet {
  readonly fleet: string;
}

/** Something that has not arrived, as the service tells of it. */
export interface Delivery {
  readonly id: string;
  readonly to: { readonly kind: string; readonly name: string };
  readonly deviceId: string | null;
  readonly event: string | null;
  readonly state: 'pending' | 'dead';
  readonly attempts: number;
  readonly nextAttemptAt: string | null;
  readonly lastError: string | null;
}

const pathOf = ({ fleet }: InFleet): string => `/v1/fleets/${segment(fleet)}/deliveries`;

/** `delivery list`. */
export async function listDeliveries(
  invocation: Invocation,
  { fleet, state }: InFleet & { readonly state?: string },
): Promise<undefined> {
  await withClient(invocation, (client) =>
    showList(invocation.output, readPages<Delivery>(client, pathOf({ fleet }), undefined, { state }), {
      headings: ['DELIVERY', 'TO', 'WHAT', 'STATE', 'TRIES', 'NEXT', 'REASON'],
      cells: ({ id, to, deviceId, event, state: now, attempts, nextAttemptAt, lastError }) => [
        id,
        to.kind === 'registry' ? to.kind : `${to.kind} ${to.name}`,
        deviceId ?? event,
        now,
        attempts,
        nextAttemptAt,
        lastError,
      ],
    }),
  );
}

async function* deadOnes(client: Client, fleet: InFleet): AsyncGenerator<string> {
  for await (const page of readPages<Delivery>(client, pathOf(fleet), undefined, { state: 'dead' }))
    for (const { id } of page) yield id;
}

/** `delivery retry`. */
export async function retryDeliveries(
  invocation: Invocation,
  ids: readonly string[],
  { fleet, all = false }: InFleet & { readonly all?: boolean },
): Promise<undefined> {
  if (all === ids.length > 0) throw new LocalFailure('usage', 'Name deliveries, or give --all.');
  const retried = await withClient(invocation, async (client) => {
    let count = 0;
    for await (const id of all ? deadOnes(client, { fleet }) : ids) {
      const path = `${pathOf({ fleet })}/${segment(id)}/retry`;
      await callJson(client, { method: 'POST', path, isRepeatable: true });
      count++;
    }
    return { retried: count };
  });
  await show(invocation.output, retried, ({ retried: count }) => `${count} will be tried again\n`);
}
