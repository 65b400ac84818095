import { type Generation, getMember, hasLists, type MemberName, verifyDestroyable } from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import { type Asking, all, first } from './asking.ts';
import { findGeneration, listGenerations } from './generations.ts';
import type { Planned, Settled } from './planned.ts';
import { findListState } from './revocation-lists.ts';
import { build } from './session.ts';

type Mark = 'given_up_audit_seq' | 'destroyed_audit_seq';

const fleetOf = (fleetId: number) =>
  first(build.selectFrom('fleet').select('name').where('id', '=', fleetId));

/** What the entries say; the verifier compares them with the rows. */
const namesOf = ({ id, authority, number }: Generation) => ({ authority, generation: number, id });

function* planMark(
  generation: Generation,
  mark: Mark,
  entry: { readonly action: string; readonly details: Readonly<Record<string, unknown>> },
): Asking<Planned<Generation>> {
  const fleet = yield* fleetOf(generation.fleetId);
  return {
    entry: { ...entry, fleet: fleet?.name ?? null },
    *write(auditSeq) {
      yield* all(
        build
          .updateTable('generation')
          .set({ [mark]: auditSeq })
          .where('id', '=', generation.id)
          .where(mark, 'is', null)
          .returning('id'),
      );
      return (yield* findGeneration(generation.id)) as Generation;
    },
  };
}

/** Who else would lose the key: a certificate that is asked for, or another generation. */
const alsoUses = (table: 'generation' | 'authority_request', keyId: string) =>
  build.selectFrom(table).select('authority').where('key_id', '=', keyId);

function* verifyNobodyElseUses(member: Generation): Asking<void> {
  const generations = yield* all(alsoUses('generation', member.keyId).where('id', '<>', member.id).limit(1));
  const requests = yield* all(
    alsoUses('authority_request', member.keyId).where('generation_id', 'is', null).limit(1),
  );
  const [other] = [...generations, ...requests];
  if (!other) return;
  throw new PkiError('rotation-refused', `${other.authority} uses the same key: it stays.`);
}

/** See `RotationLedger.giveUpKey`. */
export function* planGivingUp(
  of: MemberName,
  reason: string,
): Asking<Planned<Generation> | Settled<Generation>> {
  const member = getMember(yield* listGenerations(of.fleetId), of);
  if (member.key !== 'kept') return { settled: member };
  verifyDestroyable(member);
  yield* verifyNobodyElseUses(member);
  const details = { ...namesOf(member), reason };
  return yield* planMark(member, 'given_up_audit_seq', { action: 'generation-given-up', details });
}

/** See `RotationLedger.recordDestroyed`. */
export function* planDestroyed(generationId: number): Asking<Planned<Generation> | Settled<Generation>> {
  const member = yield* findGeneration(generationId);
  if (member?.key === 'destroyed') return { settled: member };
  if (member?.key !== 'given-up') throw new Error(`the key of generation ${generationId} was not given up`);
  const { published, isSealed } = yield* findListState(generationId);
  if (hasLists(member) && !isSealed) throw new Error(`generation ${generationId} has no last CRL`);
  const details = { ...namesOf(member), lastCrl: isSealed ? (published?.number ?? null) : null };
  return yield* planMark(member, 'destroyed_audit_seq', { action: 'generation-destroyed', details });
}
