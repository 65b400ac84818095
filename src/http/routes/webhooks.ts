import { z } from 'zod';
import type { Fleet } from '../../ca/index.ts';
import { notFound } from '../../enrollment/index.ts';
import { PkiError } from '../../errors.ts';
import {
  EVENT_TYPES,
  makeWebhookSecret,
  type NewDestination,
  urlFault,
  type Webhook,
} from '../../outgoing/index.ts';
import { readJson } from '../body.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { formatInstant } from '../instant.ts';
import { getFleet, NAME, nameSchema } from '../names.ts';
import { fitQuery, noQuery, pageQuery, readPage } from '../query.ts';
import { serverCaSchema } from '../server-ca.ts';
import { pathParameter, sendJson } from '../web.ts';

/** Each of them reads the log, so there is an end to it. */
const MOST_WEBHOOKS = 20;

export const newWebhookSchema = z.strictObject({
  name: nameSchema,
  url: z.string().min(1).max(2048),
  events: z
    .array(z.enum(EVENT_TYPES))
    .min(1)
    .transform((events) => [...new Set(events)])
    .default([...EVENT_TYPES]),
  expiringDays: z.int().min(1).max(3650).default(30),
  serverCa: serverCaSchema,
});

const webhookJson = ({ name, url, settings, createdAt }: Webhook, fleet: Fleet) => ({
  name,
  fleet: fleet.name,
  url,
  ...settings,
  createdAt: formatInstant(createdAt),
});

const listOf = async (
  { edge }: Call,
  fleet: Fleet,
  after: string,
  most: number,
): Promise<readonly Webhook[]> =>
  (await edge.outgoing.listDestinations(fleet.id, 'webhook', after, most)).filter(
    (one): one is Webhook => one.kind === 'webhook',
  );

async function createWebhook(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { edge, act, res } = call;
  const fleet = await getFleet(call);
  const { name, url, ...settings } = await readJson(call, newWebhookSchema);
  const fault = urlFault(url, edge.reach);
  if (fault !== undefined) {
    throw new PkiError('bad-request', `The webhook's URL ${fault}.`, {
      violations: [{ at: '/url', message: fault }],
    });
  }
  if ((await listOf(call, fleet, '', MOST_WEBHOOKS)).length === MOST_WEBHOOKS)
    throw new PkiError('bad-request', `A fleet has at most ${MOST_WEBHOOKS} webhooks.`);
  const id = Buffer.from(edge.ca.random.bytes(8)).toString('hex');
  const secret = makeWebhookSecret(edge.ca.random);
  const sealed = await edge.seal.seal(secret, id);
  const wish: NewDestination = {
    id,
    fleetId: fleet.id,
    kind: 'webhook',
    name,
    url,
    settings,
    secret: sealed,
  };
  const made = (await edge.outgoing.recordDestination(act, wish)) as Webhook;
  res.location(`/v1/fleets/${fleet.name}/webhooks/${name}`);
  sendJson(res, 201, { ...webhookJson(made, fleet), secret });
}

async function listWebhooks(call: Call): Promise<void> {
  const { after, limit } = fitQuery(pageQuery, call.req);
  const fleet = await getFleet(call);
  const { items, next } = await readPage(
    limit,
    (most) => listOf(call, fleet, after, most),
    ({ name }) => name,
  );
  sendJson(call.res, 200, { items: items.map((one) => webhookJson(one, fleet)), next });
}

/** What the path names. Refuses `not-found`. */
async function getWebhook(call: Call): Promise<{ readonly fleet: Fleet; readonly webhook: Webhook }> {
  const fleet = await getFleet(call);
  const name = pathParameter(call.req, 'webhook');
  const webhook = NAME.test(name)
    ? await call.edge.outgoing.findDestination(fleet.id, 'webhook', name)
    : undefined;
  if (webhook?.kind === 'webhook') return { fleet, webhook };
  throw notFound('webhook', call.requester.role);
}

async function showWebhook(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { fleet, webhook } = await getWebhook(call);
  sendJson(call.res, 200, webhookJson(webhook, fleet));
}

async function removeWebhook(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { webhook } = await getWebhook(call);
  await call.edge.outgoing.removeDestination(call.act, webhook.id);
  call.res.status(204).end();
}

const path = '/v1/fleets/:fleet/webhooks';
const common = { scope: 'fleet', what: 'fleet' } as const;
const manage = { ...common, permission: 'outgoing:manage' } as const;
const read = { ...common, method: 'get', permission: 'outgoing:read' } as const;

export const webhookRoutes: readonly GuardedRoute[] = [
  { ...manage, method: 'post', path, handle: createWebhook },
  { ...read, path, handle: listWebhooks },
  { ...read, path: `${path}/:webhook`, handle: showWebhook },
  { ...manage, method: 'delete', path: `${path}/:webhook`, handle: removeWebhook },
];
