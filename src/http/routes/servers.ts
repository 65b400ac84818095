import { z } from 'zod';
import { encodePem } from '../../asn1/index.ts';
import {
  type Fleet,
  type Generation,
  provePossession,
  ROOT_STATES,
  SERVER_KINDS,
  type Server,
} from '../../ca/index.ts';
import { notFound } from '../../enrollment/index.ts';
import { readJson } from '../body.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { formatInstant } from '../instant.ts';
import { getFleet, NAME, nameSchema, reasonSchema } from '../names.ts';
import { fitQuery, noQuery, pageQuery, readPage } from '../query.ts';
import { pathParameter, sendJson } from '../web.ts';

export const newServerSchema = z.strictObject({ name: nameSchema, kind: z.enum(SERVER_KINDS) });
export const possessionSchema = z.strictObject({ code: z.string().min(1).max(64).optional() });
export const rootStateSchema = z.strictObject({
  state: z.enum(ROOT_STATES),
  note: reasonSchema.nullable().optional(),
});

const LABELS = { request: 'CERTIFICATE REQUEST', certificate: 'CERTIFICATE' } as const;

/** `generations`: all of the fleet. */
const serverJson = (server: Server, fleet: Fleet, generations: readonly Generation[]) => ({
  name: server.name,
  fleet: fleet.name,
  kind: server.kind,
  createdAt: formatInstant(server.createdAt),
  roots: server.roots.map(({ generationId, state, note, changedAt, changedBy }) => {
    const generation = generations.find(({ id }) => id === generationId);
    if (!generation) throw new Error('a root at a server is not of its fleet');
    return {
      authority: generation.authority,
      generation: generation.number,
      state,
      note,
      changedAt: formatInstant(changedAt),
      changedBy,
    };
  }),
});

/** What the path names. Refuses `not-found`. */
async function getServer(call: Call): Promise<{ readonly fleet: Fleet; readonly server: Server }> {
  const fleet = await getFleet(call);
  const name = pathParameter(call.req, 'server');
  const server = NAME.test(name) ? await call.edge.ca.servers.findServer(fleet.id, name) : undefined;
  if (server) return { fleet, server };
  throw notFound('server', call.requester.role);
}

async function addServer(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { edge, res, act } = call;
  const fleet = await getFleet(call);
  const wish = await readJson(call, newServerSchema);
  const server = await edge.ca.servers.recordServer(act, { fleetId: fleet.id, ...wish });
  res.location(`/v1/fleets/${fleet.name}/servers/${server.name}`);
  sendJson(res, 201, serverJson(server, fleet, []));
}

async function listServers(call: Call): Promise<void> {
  const { edge, req, res } = call;
  const { after, limit } = fitQuery(pageQuery, req);
  const fleet = await getFleet(call);
  const generations = await edge.ca.ledger.listGenerations(fleet.id);
  const { items, next } = await readPage(
    limit,
    (most) => edge.ca.servers.listServers(fleet.id, after, most),
    ({ name }) => name,
  );
  sendJson(res, 200, { items: items.map((server) => serverJson(server, fleet, generations)), next });
}

async function showServer(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { fleet, server } = await getServer(call);
  sendJson(call.res, 200, serverJson(server, fleet, await call.edge.ca.ledger.listGenerations(fleet.id)));
}

async function prove(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { edge, res, act } = call;
  const { fleet, server } = await getServer(call);
  const { code = null } = await readJson(call, possessionSchema);
  const { form, der, root } = await provePossession(edge.ca, act, {
    fleet,
    server,
    code,
    makeKey: edge.makeKey,
  });
  const { authority, number: generation } = root;
  sendJson(res, 200, { form, authority, generation, pem: encodePem(LABELS[form], der) });
}

async function sayRootState(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { edge, req, res, act, requester } = call;
  const { fleet, server } = await getServer(call);
  const number = pathParameter(req, 'generation');
  const generations = await edge.ca.ledger.listGenerations(fleet.id);
  const root = generations.find((one) => one.kind === 'root' && String(one.number) === number);
  if (!root) throw notFound('generation of the root', requester.role);
  const { state, note = null } = await readJson(call, rootStateSchema);
  await edge.ca.servers.recordRootState(act, server.id, root.id, { state, note });
  const said = await getServer(call);
  sendJson(res, 200, serverJson(said.server, fleet, generations));
}

const path = '/v1/fleets/:fleet/servers';
const common = { scope: 'fleet', what: 'fleet' } as const;
const manage = { ...common, permission: 'server:manage' } as const;
const read = { ...common, method: 'get', permission: 'server:read' } as const;

export const serverRoutes: readonly GuardedRoute[] = [
  { ...manage, method: 'post', path, handle: addServer },
  { ...read, path, handle: listServers },
  { ...read, path: `${path}/:server`, handle: showServer },
  { ...manage, method: 'post', path: `${path}/:server/possession`, handle: prove },
  { ...manage, method: 'put', path: `${path}/:server/roots/:generation`, handle: sayRootState },
];
