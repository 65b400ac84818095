import { HOUR_MS } from './allowance.ts';
import { type Asking, all, first } from './asking.ts';
import type { Findings } from './findings.ts';
import { build } from './session.ts';

/** Intents of a token that were not abandoned: all of them, or those of its chunks from an instant on. */
const unitsOf = (token: string, since: number) =>
  build
    .selectFrom('intent_chunk as k')
    .innerJoin('intent as i', (join) =>
      join.onRef('i.id', '>=', 'k.first_intent').onRef('i.id', '<=', 'k.last_intent'),
    )
    .select((is) => is.fn.countAll<number>().as('units'))
    .where('k.actor_id', '=', token)
    .where('k.kind', '=', 'device')
    .where('k.created_at', '>=', since)
    .where('i.abandoned', '=', 0);

function* countUnits(token: string, since: number): Asking<number> {
  return (yield* first(unitsOf(token, since)))?.units ?? 0;
}

/** Registration credentials were spent once for each of their intents that was not abandoned. */
function* verifyRegistrations(findings: Findings): Asking<void> {
  const credentials = build.selectFrom('registration_credential').select(['id', 'audit_seq', 'spent']);
  for (const { id, audit_seq: seq, spent } of yield* all(credentials)) {
    const units = yield* countUnits(id, 0);
    findings.expect(
      spent === units,
      seq,
      `registration credentials ${id} have registered ${units} devices, and their row says ${spent}`,
    );
  }
}

/**
 * A token with a quota has spent a unit for each of its intents that was not abandoned, and none after the
 * hour that its row says is the last. In that hour there may be more by the row: where the clock was put back
 * a little, units of the hour before count in it.
 */
export function* verifyQuotas(findings: Findings): Asking<void> {
  yield* verifyRegistrations(findings);
  const limited = build
    .selectFrom('token')
    .select(['id', 'audit_seq', 'spent', 'hour_began', 'spent_in_hour'])
    .where((is) => is.or([is('quota_total', 'is not', null), is('quota_per_hour', 'is not', null)]));
  for (const { id, audit_seq: seq, spent, hour_began: began, spent_in_hour } of yield* all(limited)) {
    const units = yield* countUnits(id, 0);
    findings.expect(spent === units, seq, `token ${id} has spent ${units} units, and its row says ${spent}`);
    const later = yield* countUnits(id, began === null ? 0 : began + HOUR_MS);
    findings.expect(
      later === 0,
      seq,
      `token ${id} has spent ${later} units after the hour that its row names`,
    );
    const ofHour = began === null ? 0 : yield* countUnits(id, began);
    const counted = spent_in_hour >= ofHour;
    findings.expect(
      counted,
      seq,
      `token ${id} has spent ${ofHour} units in its hour, and its row says ${spent_in_hour}`,
    );
  }
}
