import { sql } from 'kysely';
import type { BatchEntry, BatchPage, BatchSearch } from '../batch/index.ts';
import { type Asking, all } from './asking.ts';
import { readAttempt } from './batches.ts';
import { pad } from './inventory.ts';
import { build } from './session.ts';

/** Batches that one call looks at, where what they are found by is not all that is asked. */
const MOST_CANDIDATES = 1000;

/** Uploads under way are as many as there are connections. */
function* underWay(before: number, most: number): Asking<readonly number[]> {
  const rows = yield* all(
    build.selectFrom('batch_attempt').select('batch').where('state', '=', sql.lit('receiving')),
  );
  const numbers = [...new Set(rows.map(({ batch }) => batch))].filter((number) => number < before);
  return numbers.sort((a, b) => b - a).slice(0, most);
}

/** Numbers of batches that may be what is asked for, newest first; fewer than asked for only at the end. */
function* candidates(
  { fleetId, tokenId, state }: BatchSearch,
  before: number,
  most: number,
): Asking<readonly number[]> {
  if (state === 'receiving') return yield* underWay(before, most);
  const rows = yield* all(
    build
      .selectFrom('batch')
      .select('number')
      .where('number', '<', before)
      .$if(tokenId !== null, (query) => query.where('token_id', '=', tokenId ?? ''))
      .$if(tokenId === null && fleetId !== null, (query) => query.where('fleet_id', '=', fleetId ?? 0))
      .orderBy('number', 'desc')
      .limit(most),
  );
  return rows.map(({ number }) => number);
}

const selectEntry = build
  .selectFrom('batch as b')
  .innerJoin('batch_attempt as a', 'a.batch', 'b.number')
  .select(['b.number as batch_number', 'b.id', 'b.fleet_id', 'b.token_id', 'b.profile', 'b.authority'])
  .select(['b.created_at', 'a.batch', 'a.number', 'a.state', 'a.run_id', 'a.started_at', 'a.ended_at'])
  .select(['a.row_count', 'a.issued', 'a.replayed', 'a.refused', 'a.failed', 'a.changed_at'])
  .where('a.number', '=', (is) =>
    is
      .selectFrom('batch_attempt as l')
      .select('l.number')
      .whereRef('l.batch', '=', 'b.number')
      .orderBy('l.number', 'desc')
      .limit(1),
  );

function* entriesOf(numbers: readonly number[]): Asking<readonly BatchEntry[]> {
  if (numbers.length === 0) return [];
  const rows = yield* all(selectEntry.where('b.number', 'in', pad(numbers)));
  const found = new Map(
    rows.map((row): [number, BatchEntry] => [
      row.batch_number,
      {
        number: row.batch_number,
        id: row.id,
        fleetId: row.fleet_id,
        tokenId: row.token_id,
        profile: row.profile,
        authority: row.authority,
        createdAt: new Date(row.created_at),
        last: readAttempt(row),
      },
    ]),
  );
  return numbers.flatMap((number) => found.get(number) ?? []);
}

/** See `BatchStore.listBatches`. */
export function* listBatches(search: BatchSearch, before: number | null, limit: number): Asking<BatchPage> {
  const { fleetId, tokenId, state } = search;
  const asked = [fleetId, tokenId, state].filter((one) => one !== null).length;
  const most =
    asked > 1 || (state !== null && state !== 'receiving') ? Math.max(limit, MOST_CANDIDATES) : limit;
  const numbers = yield* candidates(search, before ?? Number.MAX_SAFE_INTEGER, most);
  const batches = (yield* entriesOf(numbers)).filter(
    (batch) =>
      (fleetId === null || batch.fleetId === fleetId) &&
      (tokenId === null || batch.tokenId === tokenId) &&
      (state === null || batch.last.state === state),
  );
  const page = batches.slice(0, limit);
  if (batches.length > limit) return { batches: page, next: page.at(-1)?.number ?? null };
  return { batches: page, next: numbers.length < most ? null : (numbers.at(-1) ?? null) };
}
