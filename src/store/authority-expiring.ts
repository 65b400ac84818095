import type { AuthorityExpiring } from '../ca/index.ts';
import { type Asking, all, first } from './asking.ts';
import type { Planned } from './planned.ts';
import { build } from './session.ts';

/** What the entry says. */
const expiringDetails = ({ generation, withinDays, notAfter }: AuthorityExpiring) => ({
  authority: generation.authority,
  generation: generation.id,
  number: generation.number,
  state: generation.state,
  withinDays,
  notAfter: notAfter.toISOString(),
});

/** Whether it is on record that a generation ends within so many days, or within fewer. */
export function* isExpiringKnown(generationId: number, withinDays: number): Asking<boolean> {
  const row = yield* first(
    build
      .selectFrom('authority_expiring')
      .select('audit_seq')
      .where('generation_id', '=', generationId)
      .where('within_days', '<=', withinDays),
  );
  return row !== undefined;
}

/** See `RotationLedger.recordAuthorityExpiring`; for what is not on record. */
export function* planAuthorityExpiring(expiring: AuthorityExpiring): Asking<Planned<true>> {
  const { generation, withinDays } = expiring;
  const fleet = yield* first(build.selectFrom('fleet').select('name').where('id', '=', generation.fleetId));
  return {
    entry: { action: 'authority-expiring', fleet: fleet?.name ?? null, details: expiringDetails(expiring) },
    *write(auditSeq) {
      yield* all(
        build
          .insertInto('authority_expiring')
          .values({ generation_id: generation.id, within_days: withinDays, audit_seq: auditSeq })
          .returning('audit_seq'),
      );
      return true;
    },
  };
}
