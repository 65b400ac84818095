import { z } from 'zod';
import {
  ACKNOWLEDGEMENT_WAYS,
  type GatewayState,
  type GenerationMove,
  type Move,
  makeLinks,
  stageGeneration,
} from '../../ca/index.ts';
import { notFound } from '../../enrollment/index.ts';
import { KEY_ALGORITHMS } from '../../x509/index.ts';
import { authorityJson, withWarnings } from '../authority-json.ts';
import { readJson } from '../body.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { formatInstant } from '../instant.ts';
import { authorityIn, commonNameSchema, generationIn, getFleet, reasonSchema } from '../names.ts';
import { fitQuery, noQuery } from '../query.ts';
import { sendJson } from '../web.ts';

export const newGenerationSchema = z.strictObject({
  keyAlgorithm: z.enum(KEY_ALGORITHMS).optional(),
  profile: z.string().min(1).max(63).optional(),
  commonName: commonNameSchema.optional(),
});
export const moveSchema = z.strictObject({});
export const activationSchema = z.strictObject({
  /** Go on before the generation has been in the trust bundle for long enough. */
  force: z.strictObject({ reason: reasonSchema }).optional(),
});

/** A person's word, or what a probe saw. */
export const acknowledgementSchema = z.strictObject({
  gateway: z
    .string()
    .min(1)
    .max(256)
    .regex(/^[^\0]*$/),
  way: z.enum(ACKNOWLEDGEMENT_WAYS).default('word'),
  word: reasonSchema,
});

const moveJson = (move: GenerationMove) => ({
  generation: move.generation,
  move: move.move,
  from: move.from,
  to: move.to,
  at: formatInstant(move.at),
  by: move.actor.id,
  forced: move.forced,
  compromise: move.compromise,
});

const gatewayJson = ({
  generation,
  gateway,
  acknowledged,
}: GatewayState & { readonly generation: number }) => ({
  generation,
  gateway,
  acknowledged: acknowledged && { ...acknowledged, at: formatInstant(acknowledged.at) },
});

async function stage(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { edge, act, res } = call;
  const fleet = await getFleet(call);
  const authority = authorityIn(call);
  const {
    keyAlgorithm = null,
    profile = null,
    commonName = null,
  } = await readJson(call, newGenerationSchema);
  const made = await stageGeneration(edge.ca, act, fleet, authority, { keyAlgorithm, profile, commonName });
  // Its CRL is there before anybody trusts it.
  await edge.lists.look(fleet);
  res.location(`/v1/fleets/${fleet.name}/authorities/${authority}/generations`);
  sendJson(res, 201, authorityJson(made, await edge.ca.ledger.listGenerations(fleet.id)));
}

async function showLine(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { ca } = call.edge;
  const fleet = await getFleet(call);
  const authority = authorityIn(call);
  const all = await ca.ledger.listGenerations(fleet.id);
  const line = all.filter((one) => one.authority === authority);
  if (line.length === 0) throw notFound('authority', call.requester.role);
  const moves = await ca.rotation.listMoves(fleet.id, authority);
  sendJson(call.res, 200, {
    generations: line.map((one) => authorityJson(withWarnings(one, fleet), all)),
    moves: moves.map(moveJson),
    gateways: (await ca.rotation.listGateways(fleet.id, authority)).map(gatewayJson),
  });
}

async function perform(call: Call, move: Move, forced: string | null): Promise<void> {
  const { edge, act, res } = call;
  const fleet = await getFleet(call);
  const [authority, number] = [authorityIn(call), generationIn(call)];
  // Before the move: links are there when somebody first trusts the root, and both keys are.
  const unlinked = move === 'publish' ? await makeLinks(edge.ca, act, fleet, authority, number) : [];
  const order = { fleetId: fleet.id, authority, number, move, forced };
  const moved = await edge.ca.rotation.moveGeneration(act, { ...order, terms: edge.rotation });
  const { generation, warnings } = withWarnings(moved, fleet);
  const result = { generation, warnings: [...warnings, ...unlinked] };
  sendJson(res, 200, authorityJson(result, await edge.ca.ledger.listGenerations(fleet.id)));
}

const mover =
  (move: Exclude<Move, 'activate'>) =>
  async (call: Call): Promise<void> => {
    fitQuery(noQuery, call.req);
    await readJson(call, moveSchema);
    await perform(call, move, null);
  };

async function activate(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { force } = await readJson(call, activationSchema);
  await perform(call, 'activate', force?.reason ?? null);
}

async function acknowledge(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { edge, act, res } = call;
  const fleet = await getFleet(call);
  const [authority, number] = [authorityIn(call), generationIn(call)];
  const said = await readJson(call, acknowledgementSchema);
  await edge.ca.rotation.acknowledgeGeneration(act, { fleetId: fleet.id, authority, number, ...said });
  const gateways = await edge.ca.rotation.listGateways(fleet.id, authority);
  sendJson(res, 200, { gateways: gateways.map(gatewayJson) });
}

const path = '/v1/fleets/:fleet/authorities/:authority/generations';
const common = { scope: 'fleet', what: 'fleet' } as const;
const rotate = { ...common, method: 'post', permission: 'authority:create' } as const;

export const rotationRoutes: readonly GuardedRoute[] = [
  { ...rotate, path, handle: stage },
  { ...common, method: 'get', path, permission: 'authority:read', handle: showLine },
  { ...rotate, path: `${path}/:generation/publish`, handle: mover('publish') },
  { ...rotate, path: `${path}/:generation/acknowledge`, handle: acknowledge },
  { ...rotate, path: `${path}/:generation/activate`, handle: activate },
  { ...rotate, path: `${path}/:generation/roll-back`, handle: mover('roll-back') },
  { ...rotate, path: `${path}/:generation/retire`, handle: mover('retire') },
];
