import { sql } from 'kysely';
import type { Standing, StandingPage, StandingQuery } from '../ca/index.ts';
import { type Asking, all, first } from './asking.ts';
import { build } from './session.ts';

/** Candidates of one read. */
const MOST = 1_000;

/** A statement has one text however many are asked for: the last stands for those that are missing. */
const pad = (ids: readonly number[]): number[] =>
  Array.from({ length: MOST }, (_, i) => ids[i] ?? (ids.at(-1) as number));

/** Where a page ends: an issuer, an end, and an intent. */
interface Place {
  readonly issuerId: number;
  readonly notAfter: number;
  readonly intentId: number;
}

const encodePlace = ({ issuerId, notAfter, intentId }: Place): string =>
  `${issuerId}.${notAfter}.${intentId}`;

const readPlace = (cursor: string): Place => {
  const [issuerId = 0, notAfter = 0, intentId = 0] = cursor.split('.').map(Number);
  return { issuerId, notAfter, intentId };
};

/** By the index of expiries, which ends where nothing stands any more. */
const candidatesAfter = ({ issuerId, notAfter, intentId }: Place, at: Date, limit: number) =>
  build
    .selectFrom('intent')
    .select(['id', 'not_after'])
    .where('issuer_id', '=', issuerId)
    .where('device', 'is not', null)
    .where('not_after', '>', Math.max(at.getTime(), notAfter - 1))
    .where((is) => is.or([is('not_after', '>', notAfter), is('id', '>', intentId)]))
    .orderBy('not_after')
    .orderBy('id')
    .limit(limit);

/** Certificates of the same device and profile that are neither expired nor revoked, under one of some issuers. */
const others = (issuers: readonly number[], at: Date) =>
  build
    .selectFrom('intent as o')
    .innerJoin('certificate as p', 'p.intent_id', 'o.id')
    .innerJoin('profile_version as w', 'w.id', 'o.profile_id')
    .whereRef('o.device', '=', 'i.device' as never)
    .whereRef('w.name', '=', 'v.name' as never)
    .where('o.not_after', '>', at.getTime())
    .where('p.revoked_at', 'is', null)
    // An empty list is none that every engine takes; no generation has the number 0.
    .where('o.issuer_id', 'in', issuers.length > 0 ? issuers : [0]);

const standingOf = (ids: readonly number[], { under, trusted, at }: StandingQuery) =>
  build
    .selectFrom('intent as i')
    .innerJoin('certificate as c', 'c.intent_id', 'i.id')
    .innerJoin('device as d', 'd.id', 'i.device')
    .innerJoin('profile_version as v', 'v.id', 'i.profile_id')
    .select(['i.id', 'd.device_id', 'v.name', 'i.issuer_id', 'i.serial', 'c.fingerprint', 'i.not_after'])
    .select(others(trusted, at).select('p.fingerprint').orderBy('o.id', 'desc').limit(1).as('successor'))
    .where('i.id', 'in', pad(ids))
    .where('c.revoked_at', 'is', null)
    .where(({ not, exists }) =>
      not(
        exists(
          others(under, at)
            .select('o.id')
            .whereRef('o.id', '>', 'i.id' as never),
        ),
      ),
    )
    .orderBy('i.not_after')
    .orderBy('i.id');

/** See `RotationLedger.listStanding`. */
export function* listStanding(query: StandingQuery, after: string, limit: number): Asking<StandingPage> {
  const place = readPlace(after);
  const issuers = query.under.toSorted((a, b) => a - b).filter((id) => id >= place.issuerId);
  const [issuerId, following] = issuers;
  if (issuerId === undefined) return { standing: [], next: null };
  const from = issuerId === place.issuerId ? place : { issuerId, notAfter: 0, intentId: 0 };
  const most = Math.min(limit, MOST);
  const candidates = yield* all(candidatesAfter(from, query.at, most));
  const last = candidates.at(-1);
  const isWhole = candidates.length < most;
  const onward =
    following === undefined ? null : encodePlace({ issuerId: following, notAfter: 0, intentId: 0 });
  const next =
    isWhole || last === undefined
      ? onward
      : encodePlace({ issuerId, notAfter: last.not_after, intentId: last.id });
  if (last === undefined) return { standing: [], next };
  const rows = yield* all(
    standingOf(
      candidates.map(({ id }) => id),
      query,
    ),
  );
  const standing: readonly Standing[] = rows.map((row) => ({
    intentId: row.id,
    deviceId: row.device_id,
    profile: row.name,
    issuerId: row.issuer_id,
    serial: row.serial,
    fingerprint: row.fingerprint,
    notAfter: new Date(row.not_after),
    successor: row.successor,
  }));
  return { standing, next };
}

/** See `RotationLedger.settledThrough`. */
export function* settledThrough(): Asking<number> {
  const open = yield* first(
    build.selectFrom('intent_chunk').select('first_intent').where('open', '>', 0).orderBy('id').limit(1),
  );
  if (open) return open.first_intent - 1;
  const last = yield* first(build.selectFrom('intent').select('id').orderBy('id', 'desc').limit(1));
  return last?.id ?? 0;
}

/** Certificates of devices under some generations whose intents came after one, each a device's at most. */
export function* countSince(under: readonly number[], through: number): Asking<number> {
  const row = yield* first(
    build
      .selectFrom('intent as i')
      .innerJoin('certificate as c', 'c.intent_id', 'i.id')
      .select((is) => is.fn.countAll<number>().as('n'))
      .where('i.id', '>', through)
      // Not by an index: what came since is little, and what stands under an issuer may be millions.
      .where(sql<number>`+i.issuer_id`, 'in', under)
      .where('c.revoked_at', 'is', null)
      .where(sql<number>`+i.device`, 'is not', null),
  );
  return Number(row?.n ?? 0);
}
