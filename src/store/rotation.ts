import {
  type Act,
  type Actor,
  type AuditEntry,
  type GatewayState,
  type Generation,
  type GenerationMove,
  type GenerationState,
  isInBundle,
  type LineMember,
  type MoveOrder,
  planMove,
  type StateChange,
} from '../ca/index.ts';
import { gatewayStates } from './acknowledgements.ts';
import { type Asking, all, first } from './asking.ts';
import { readAuditRow } from './audit.ts';
import { findGeneration, listGenerations } from './generations.ts';
import type { Planned } from './planned.ts';
import { build } from './session.ts';

/** States in which a generation under another one needs it in the trust bundle, or soon will. */
const STANDING: ReadonlySet<GenerationState> = new Set(['staged', 'published', 'active', 'draining']);
const isStanding = ({ state, withdrawn }: Generation): boolean =>
  STANDING.has(state) || (state === 'compromised' && !withdrawn);

/** By the index of expiries: the newest first, so that hardly a revoked one is passed over. */
const lastValidUnder = (issuerId: number, at: Date) =>
  build
    .selectFrom('intent as i')
    .innerJoin('certificate as c', 'c.intent_id', 'i.id')
    .select('i.not_after')
    .where('i.issuer_id', '=', issuerId)
    .where('i.device', 'is not', null)
    .where('i.not_after', '>', at.getTime())
    .where('c.revoked_at', 'is', null)
    .orderBy('i.not_after', 'desc')
    .limit(1);

/** Intents that are neither completed nor given up: what they are for is about to stand. */
const openUnder = (issuerId: number) =>
  build
    .selectFrom('intent_chunk as k')
    .innerJoin('intent as i', 'i.chunk_id', 'k.id')
    .leftJoin('certificate as c', 'c.intent_id', 'i.id')
    .select('i.not_after')
    .where('k.open', '>', 0)
    .where('i.issuer_id', '=', issuerId)
    .where('i.device', 'is not', null)
    .where('i.abandoned', '=', 0)
    .where('c.intent_id', 'is', null)
    .orderBy('i.not_after', 'desc')
    .limit(1);

const activation = (generationId: number) =>
  build
    .selectFrom('generation_move')
    .select('moved_at')
    .where('generation_id', '=', generationId)
    // The first of an authority is active from its first moment: its first move, if there is one, leaves that.
    .where((is) => is.or([is('to_state', '=', 'active'), is('from_state', '=', 'active')]))
    .limit(1);

const lastMove = (generationId: number) =>
  build
    .selectFrom('generation_move')
    .select('moved_at')
    .where('generation_id', '=', generationId)
    .orderBy('audit_seq', 'desc')
    .limit(1);

function* lastValid(id: number, at: Date): Asking<Date | null> {
  const ends = [yield* first(lastValidUnder(id, at)), yield* first(openUnder(id))];
  const last = Math.max(...ends.map((end) => end?.not_after ?? 0));
  return last === 0 ? null : new Date(last);
}

function* memberOf(generation: Generation, all: readonly Generation[], at: Date): Asking<LineMember> {
  const { id, number, state, createdAt } = generation;
  const moved = yield* first(lastMove(id));
  const below = all.filter((one) => one.issuerId === id && one.id !== id && isStanding(one));
  const since = moved ? new Date(moved.moved_at) : createdAt;
  const gateways = state === 'published' ? yield* gatewayStates(generation, since) : [];
  return {
    id,
    number,
    state,
    wasActive: state === 'active' || (yield* first(activation(id))) !== undefined,
    since,
    isRootTrusted:
      id === generation.issuerId || all.some((one) => one.id === generation.issuerId && isInBundle(one)),
    isKeyKept: generation.key === 'kept',
    awaited: gateways.filter(({ acknowledged }) => acknowledged === null).map(({ gateway }) => gateway),
    lastValid: yield* lastValid(id, at),
    below: below.map((one) => `${one.authority}, generation ${one.number}`),
  };
}

/** An authority's generations as rotation sees them at a time, in order of their numbers. */
export function* readLine(fleetId: number, authority: string, at: Date): Asking<readonly LineMember[]> {
  const generations = yield* listGenerations(fleetId);
  const line: LineMember[] = [];
  for (const one of generations) {
    if (one.authority === authority) line.push(yield* memberOf(one, generations, at));
  }
  return line.toSorted((a, b) => a.number - b.number);
}

/** What the entry of a move says; the verifier compares it with the rows. */
export const moveDetails = (
  { authority, number, move, forced }: MoveOrder,
  changes: readonly StateChange[],
) => ({
  authority,
  generation: number,
  move,
  forced,
  changes: changes.map(({ id, from, to }) => ({ generation: id, from, to })),
});

export function* applyChange(change: StateChange, at: Date, auditSeq: number): Asking<void> {
  yield* all(
    build
      .updateTable('generation')
      .set({ state: change.to })
      .where('id', '=', change.id)
      .where('state', '=', change.from)
      .returning('id'),
  );
  yield* all(
    build
      .insertInto('generation_move')
      .values({
        generation_id: change.id,
        audit_seq: auditSeq,
        from_state: change.from,
        to_state: change.to,
        moved_at: at.getTime(),
      })
      .returning('generation_id'),
  );
}

/** See `RotationLedger.moveGeneration`. */
export function* planMoveOf({ at }: Act, order: MoveOrder): Asking<Planned<Generation>> {
  const { fleetId, authority, number, terms } = order;
  const line = yield* readLine(fleetId, authority, at);
  const changes = planMove(line, order, terms, at);
  const fleet = yield* first(build.selectFrom('fleet').select('name').where('id', '=', fleetId));
  return {
    entry: {
      action: 'generation-moved',
      fleet: fleet?.name ?? null,
      details: moveDetails(order, changes),
    },
    *write(auditSeq) {
      for (const change of changes) yield* applyChange(change, at, auditSeq);
      const id = line.find((one) => one.number === number)?.id ?? 0;
      return (yield* findGeneration(id)) as Generation;
    },
  };
}

function compromiseIn({
  move,
  reason,
  withdrawal,
  cutsOff,
}: AuditEntry['details']): GenerationMove['compromise'] {
  if (move !== 'compromise') return null;
  return { reason, withdrawal, cutsOff } as GenerationMove['compromise'];
}

/** See `RotationLedger.listMoves`. */
export function* listMoves(fleetId: number, authority: string): Asking<readonly GenerationMove[]> {
  const rows = yield* all(
    build
      .selectFrom('generation_move as m')
      .innerJoin('generation as g', 'g.id', 'm.generation_id')
      .innerJoin('audit as a', 'a.seq', 'm.audit_seq')
      .selectAll('a')
      .select(['g.number', 'm.from_state', 'm.to_state', 'm.moved_at'])
      .where('g.fleet_id', '=', fleetId)
      .where('g.authority', '=', authority)
      .orderBy('m.audit_seq')
      .orderBy('g.number'),
  );
  return rows.map((row) => {
    const { actor, details } = readAuditRow(row);
    return {
      generation: row.number,
      move: details.move as GenerationMove['move'],
      from: row.from_state as GenerationState,
      to: row.to_state as GenerationState,
      at: new Date(row.moved_at),
      actor: actor as Actor,
      forced: (details.forced ?? null) as string | null,
      compromise: compromiseIn(details),
    };
  });
}

/** See `RotationLedger.listGateways`. */
export function* listGateways(
  fleetId: number,
  authority: string,
): Asking<readonly (GatewayState & { readonly generation: number })[]> {
  const found: (GatewayState & { readonly generation: number })[] = [];
  for (const one of yield* listGenerations(fleetId)) {
    if (one.authority !== authority || one.state !== 'published') continue;
    const moved = yield* first(lastMove(one.id));
    const states = yield* gatewayStates(one, moved ? new Date(moved.moved_at) : one.createdAt);
    found.push(...states.map((state) => ({ ...state, generation: one.number })));
  }
  return found;
}
