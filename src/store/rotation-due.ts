import type { RotationDue } from '../ca/index.ts';
import { type Asking, all, first } from './asking.ts';
import type { Planned } from './planned.ts';
import { build } from './session.ts';

/** What the entry says. */
export const dueDetails = ({ generation, urgency, latestStart }: RotationDue) => ({
  authority: generation.authority,
  generation: generation.id,
  number: generation.number,
  urgency,
  latestStart: latestStart.toISOString(),
});

/** Whether a generation's urgency is on record. */
export function* isDueKnown(generationId: number, urgency: string): Asking<boolean> {
  const row = yield* first(
    build
      .selectFrom('rotation_due')
      .select('audit_seq')
      .where('generation_id', '=', generationId)
      .where('urgency', '=', urgency),
  );
  return row !== undefined;
}

/** See `RotationLedger.recordRotationDue`; for one that is not on record. */
export function* planRotationDue(due: RotationDue): Asking<Planned<true>> {
  const { generation, urgency } = due;
  const fleet = yield* first(build.selectFrom('fleet').select('name').where('id', '=', generation.fleetId));
  return {
    entry: { action: 'rotation-due', fleet: fleet?.name ?? null, details: dueDetails(due) },
    *write(auditSeq) {
      yield* all(
        build
          .insertInto('rotation_due')
          .values({ generation_id: generation.id, urgency, audit_seq: auditSeq })
          .returning('audit_seq'),
      );
      return true;
    },
  };
}
