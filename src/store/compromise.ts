import {
  type Act,
  type CompromiseOrder,
  type CompromisePlan,
  type Generation,
  getMember,
  planCompromise,
  verifyConfirmed,
} from '../ca/index.ts';
import { type Asking, all, first } from './asking.ts';
import { findGeneration, listGenerations } from './generations.ts';
import type { Planned, Settled } from './planned.ts';
import { insertRevocation, type RevocationTarget } from './revocations.ts';
import { applyChange } from './rotation.ts';
import { build } from './session.ts';
import { countSince } from './standing.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

type CaTarget = Pick<RevocationTarget, 'intent_id' | 'issuer_id' | 'serial' | 'not_after'>;

const unrevoked = build
  .selectFrom('intent as i')
  .leftJoin('revocation as r', (join) =>
    join.onRef('r.issuer_id', '=', 'i.issuer_id').onRef('r.serial', '=', 'i.serial'),
  )
  .select(['i.id as intent_id', 'i.issuer_id', 'i.serial', 'i.not_after'])
  .where('r.serial', 'is', null);

/** A generation's certificate by its parent. It and the chunk of its one intent have their entry in common. */
const ownOf = (generationId: number) =>
  unrevoked
    .innerJoin('intent_chunk as k', 'k.id', 'i.chunk_id')
    .innerJoin('generation as g', 'g.audit_seq', 'k.audit_seq')
    .where('g.id', '=', generationId)
    .where('k.kind', '=', 'authority');

/** Its links by other roots: who trusts one of those would go on trusting it. */
const linksTo = (generationId: number) =>
  unrevoked
    .innerJoin('root_link as l', 'l.intent_id', 'i.id')
    .where('l.subject_id', '=', generationId)
    .where('l.certificate', 'is not', null)
    .orderBy('i.issuer_id')
    .orderBy('i.serial');

/** The certificates of CAs that are revoked with a decision. */
function* targetsOf(member: Generation, { withdrawn, revoked }: CompromisePlan): Asking<readonly CaTarget[]> {
  if (revoked) return yield* all(ownOf(revoked.id));
  return withdrawn.includes(member.id) ? yield* all(linksTo(member.id)) : [];
}

/** The reason by which a parent revokes the certificate of a CA. */
export const CA_REASON = 'cACompromise';

/** What the entry of a decision says; the verifier compares it with the rows. */
const compromiseDetails = (
  { authority, number, reason, withdrawal, confirmed }: CompromiseOrder,
  { changes, withdrawn }: CompromisePlan,
  cutsOff: number,
  revoked: readonly CaTarget[],
) => ({
  authority,
  generation: number,
  move: 'compromise',
  reason,
  withdrawal,
  cutsOff,
  confirmed,
  changes: changes.map(({ id, from, to }) => ({ generation: id, from, to })),
  withdrawn,
  revoked: revoked.map(({ issuer_id, serial }) => ({ issuer: issuer_id, serial: hex(serial) })),
});

function* withdraw(generationId: number, auditSeq: number): Asking<void> {
  yield* all(
    build
      .updateTable('generation')
      .set({ withdrawn_audit_seq: auditSeq })
      .where('id', '=', generationId)
      .returning('id'),
  );
}

/** See `RotationLedger.compromiseGeneration`. */
export function* planCompromiseOf(
  { at }: Act,
  order: CompromiseOrder,
): Asking<Planned<Generation> | Settled<Generation>> {
  const generations = yield* listGenerations(order.fleetId);
  const plan = planCompromise(generations, order, order.withdrawal);
  const member = getMember(generations, order);
  if (plan === null) return { settled: member };
  const cutsOff = order.counted.devices + (yield* countSince(order.under, order.counted.through));
  verifyConfirmed(cutsOff, order.confirmed, `${order.authority}, generation ${order.number},`);
  const revoked = yield* targetsOf(member, plan);
  const fleet = yield* first(build.selectFrom('fleet').select('name').where('id', '=', order.fleetId));
  return {
    entry: {
      action: 'generation-compromised',
      fleet: fleet?.name ?? null,
      details: compromiseDetails(order, plan, cutsOff, revoked),
    },
    *write(auditSeq) {
      for (const change of plan.changes) yield* applyChange(change, at, auditSeq);
      for (const id of plan.withdrawn) yield* withdraw(id, auditSeq);
      for (const target of revoked)
        yield* all(insertRevocation(target, at, CA_REASON, auditSeq).returning('serial'));
      return (yield* findGeneration(member.id)) as Generation;
    },
  };
}
