import { segment, withClient } from '../client/client.ts';
import { callJson, postJson, readPages, readWhole } from '../client/json.ts';
import { readTextFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { showList } from '../list.ts';
import { show } from '../output.ts';

interface InFleet {
  readonly fleet: string;
}

interface Webhook extends InFleet {
  readonly name: string;
  readonly url: string;
  readonly events: readonly string[];
  readonly expiringDays: number;
  readonly createdAt: string;
}

const pathOf = ({ fleet }: InFleet): string => `/v1/fleets/${segment(fleet)}/webhooks`;

interface CreateOptions extends InFleet {
  readonly to: string;
  readonly event?: readonly string[];
  readonly expiringDays: number;
  readonly serverCa?: string;
}

/** `webhook create`. */
export async function createWebhook(
  invocation: Invocation,
  name: string,
  { fleet, to, event, expiringDays, serverCa }: CreateOptions,
): Promise<undefined> {
  const wish = {
    name,
    url: to,
    expiringDays,
    ...(event === undefined ? {} : { events: event }),
    ...(serverCa === undefined ? {} : { serverCa: await readTextFile(serverCa) }),
  };
  const made = await withClient(invocation, (client) =>
    callJson<Webhook & { readonly secret: string }>(client, postJson(pathOf({ fleet }), wish)),
  );
  await show(invocation.output, made, ({ secret }) => `${secret}\n`);
  if (!invocation.output.json)
    invocation.output.say('The receiver verifies signatures with it. It is not shown again.');
}

/** `webhook list`. */
export async function listWebhooks(invocation: Invocation, fleet: InFleet): Promise<undefined> {
  await withClient(invocation, (client) =>
    showList(invocation.output, readPages<Webhook>(client, pathOf(fleet)), {
      headings: ['WEBHOOK', 'TO', 'EVENTS', 'SINCE'],
      cells: ({ name, url, events, createdAt }) => [name, url, events.join(' '), createdAt],
    }),
  );
}

/** `webhook delete`. */
export async function deleteWebhook(
  invocation: Invocation,
  name: string,
  fleet: InFleet,
): Promise<undefined> {
  const call = { method: 'DELETE', path: `${pathOf(fleet)}/${segment(name)}` } as const;
  await withClient(invocation, async (client) => readWhole(client, await client.send(call)));
  invocation.output.say(`${name} is told nothing more.`);
}
