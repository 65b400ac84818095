import { type Asking, first } from './asking.ts';
import { build } from './session.ts';

/** By the index of expiries, and the rows that it names; no certificate is looked up. */
export const intendedWithin = (issuerId: number, from: number, before: number) =>
  build
    .selectFrom('intent')
    .select((is) => is.fn.countAll<number>().as('n'))
    .where('issuer_id', '=', issuerId)
    .where('device', 'is not', null)
    .where('not_after', '>=', from)
    .where('not_after', '<', before)
    .where('abandoned', '=', 0);

/** Those whose certificate is revoked; a serial that was given up is not counted above. */
export const revokedWithin = (issuerId: number, from: number, before: number) =>
  build
    .selectFrom('revocation as r')
    .innerJoin('intent as i', 'i.id', 'r.intent_id')
    .select((is) => is.fn.countAll<number>().as('n'))
    .where('r.issuer_id', '=', issuerId)
    .where('r.not_after', '>=', from)
    .where('r.not_after', '<', before)
    .where('i.abandoned', '=', 0)
    .where('i.device', 'is not', null);

/** See `ExpiryLedger.countExpiring`. */
export function* countExpiring(issuerId: number, from: Date, before: Date): Asking<number> {
  const [start, end] = [from.getTime(), before.getTime()];
  const intended = Number((yield* first(intendedWithin(issuerId, start, end)))?.n ?? 0);
  if (intended === 0) return 0;
  const revoked = Number((yield* first(revokedWithin(issuerId, start, end)))?.n ?? 0);
  return intended - revoked;
}
