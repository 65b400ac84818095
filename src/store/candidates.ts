import type { CertificateSearch } from '../ca/index.ts';
import { foldDeviceId } from '../policy/index.ts';
import { type Asking, all, first } from './asking.ts';
import { build } from './session.ts';

/**
 * Numbers of intents that may be what is searched for, after one of them, at most so many; fewer only at
 * the end. Each is found by an index, in an order that a search keeps.
 */
type Candidates = Asking<readonly number[]>;

/** Whose planner is asked. */
export type Engine = 'sqlite' | 'postgres';

/** The chunk that a cursor lies in; 0 before the first. */
function* chunkOf(after: number): Asking<number> {
  if (after === 0) return 0;
  const row = yield* first(
    build.selectFrom('intent').select('chunk_id').where('id', '<=', after).orderBy('id', 'desc').limit(1),
  );
  return row?.chunk_id ?? 0;
}

/**
 * Intents of chunks that share something, oldest first. SQLite goes to the cursor in the index of what is
 * shared. PostgreSQL may go along the primary key instead, once it is told that the value is one, and
 * read all that others have made since; a range of the two columns is in order in that index alone, but
 * in SQLite such a range begins before the cursor.
 */
function* ofChunks(
  engine: Engine,
  shared: 'fleet_id' | 'batch_id' | 'actor_id',
  value: number | string,
  after: number,
  most: number,
): Candidates {
  const from = yield* chunkOf(after);
  const columns = build.selectFrom('intent_chunk').select(['first_intent', 'last_intent']);
  const sought =
    engine === 'sqlite'
      ? columns.where(shared, '=', value).where('id', '>=', from)
      : columns
          .where((is) => is(is.refTuple(shared, 'id'), '>=', is.tuple(value, from)))
          .where(shared, '<=', value)
          .orderBy(shared);
  // Of the first there may be none left.
  const chunks = yield* all(sought.orderBy('id').limit(most + 1));
  const ids: number[] = [];
  for (const { first_intent, last_intent } of chunks) {
    for (let id = Math.max(first_intent, after + 1); id <= last_intent && ids.length < most; id++)
      ids.push(id);
    if (ids.length === most) break;
  }
  return ids;
}

/** (issuer, serial) is the index; a fleet has as many issuers as generations of authorities. */
function* ofSerial(fleetId: number, serial: Uint8Array, after: number, most: number): Candidates {
  const rows = yield* all(
    build
      .selectFrom('generation as g')
      .innerJoin('intent as i', 'i.issuer_id', 'g.id')
      .select('i.id')
      .where('g.fleet_id', '=', fleetId)
      .where('i.serial', '=', serial)
      .where('i.id', '>', after)
      .orderBy('i.id')
      .limit(most),
  );
  return rows.map(({ id }) => id);
}

function* ofDevices(devices: readonly number[], after: number, most: number): Candidates {
  const ids: number[] = [];
  for (const device of devices) {
    const rows = yield* all(
      build
        .selectFrom('intent')
        .select('id')
        .where('device', '=', device)
        .where('id', '>', after)
        .orderBy('id')
        .limit(most),
    );
    for (const { id } of rows) ids.push(id);
  }
  return ids.sort((a, b) => a - b).slice(0, most);
}

function* ofDeviceId(fleetId: number, deviceId: string, after: number, most: number): Candidates {
  const device = yield* first(
    build
      .selectFrom('device')
      .select('id')
      .where('fleet_id', '=', fleetId)
      .where('folded_id', '=', foldDeviceId(deviceId)),
  );
  return device ? yield* ofDevices([device.id], after, most) : [];
}

/** The device that has the key, and those that had it before it was released. */
function* ofKey(fleetId: number, keyDigest: Uint8Array, after: number, most: number): Candidates {
  const devices = new Set<number>();
  for (const table of ['device_key', 'released_key'] as const) {
    const rows = yield* all(
      build
        .selectFrom(table)
        .select('device')
        .where('key_digest', '=', keyDigest)
        .where('fleet_id', '=', fleetId),
    );
    for (const { device } of rows) devices.add(device);
  }
  return yield* ofDevices([...devices], after, most);
}

function* ofLabel(
  fleetId: number,
  { name, value }: { readonly name: string; readonly value: string },
  after: number,
  most: number,
): Candidates {
  const rows = yield* all(
    build
      .selectFrom('intent_label')
      .select('intent_id')
      .where('fleet_id', '=', fleetId)
      .where('name', '=', name)
      .where('value', '=', value)
      .where('intent_id', '>', after)
      .orderBy('intent_id')
      .limit(most),
  );
  return rows.map(({ intent_id }) => intent_id);
}

/** Of the whole service: marks are few beside certificates. */
function* ofMarked(mark: 'revoked_at' | 'superseded_at', after: number, most: number): Candidates {
  const rows = yield* all(
    build
      .selectFrom('certificate')
      .select('intent_id')
      .where(mark, 'is not', null)
      .where('intent_id', '>', after)
      .orderBy('intent_id')
      .limit(most),
  );
  return rows.map(({ intent_id }) => intent_id);
}

interface Expiry {
  readonly id: number;
  readonly not_after: number;
}

/** The earliest of one issuer that expire from `from` on and before `before`, after a place among all. */
function* ofIssuer(
  issuer: number,
  from: number,
  before: number,
  place: Expiry | undefined,
  most: number,
): Asking<readonly Expiry[]> {
  return yield* all(
    build
      .selectFrom('intent')
      .select(['id', 'not_after'])
      .where('device', 'is not', null)
      .where('issuer_id', '=', issuer)
      .where('not_after', '>=', Math.max(from, place?.not_after ?? from))
      .where('not_after', '<', before)
      .$if(place !== undefined, (query) =>
        query.where((is) =>
          is.or([is('not_after', '>', place?.not_after ?? 0), is('id', '>', place?.id ?? 0)]),
        ),
      )
      .orderBy('not_after')
      .orderBy('id')
      .limit(most),
  );
}

/** Those that expire within a time, the earliest first: of each issuer of the fleet, put together. */
function* ofExpiry(fleetId: number, from: number, before: number, after: number, most: number): Candidates {
  const place =
    after === 0
      ? undefined
      : yield* first(build.selectFrom('intent').select(['id', 'not_after']).where('id', '=', after));
  const issuers = yield* all(build.selectFrom('generation').select('id').where('fleet_id', '=', fleetId));
  const found: Expiry[] = [];
  for (const { id } of issuers) found.push(...(yield* ofIssuer(id, from, before, place, most)));
  return found
    .sort((a, b) => a.not_after - b.not_after || a.id - b.id)
    .slice(0, most)
    .map(({ id }) => id);
}

/** When that which is searched for expires: from, and before. undefined: at any time. */
function expiryOf({ status, expiringBefore, at }: CertificateSearch): readonly [number, number] | undefined {
  if (status !== 'expired' && expiringBefore === null) return undefined;
  const isAlive = status === 'active' || status === 'superseded';
  const ends = [
    expiringBefore?.getTime() ?? Number.MAX_SAFE_INTEGER,
    // It has expired when the instant has come.
    status === 'expired' ? at.getTime() + 1 : Number.MAX_SAFE_INTEGER,
  ];
  return [isAlive ? at.getTime() + 1 : 0, Math.min(...ends)];
}

const MARKS = { revoked: 'revoked_at', superseded: 'superseded_at' } as const;

/** Where little is asked that few share. */
function pickBroad(engine: Engine, search: CertificateSearch, after: number, most: number): Candidates {
  const { fleetId, label, status, tokenId } = search;
  if (label !== null) return ofLabel(fleetId, label, after, most);
  if (status === 'revoked' || status === 'superseded') return ofMarked(MARKS[status], after, most);
  const expiry = expiryOf(search);
  if (expiry) return ofExpiry(fleetId, ...expiry, after, most);
  if (tokenId !== null) return ofChunks(engine, 'actor_id', tokenId, after, most);
  return ofChunks(engine, 'fleet_id', fleetId, after, most);
}

/** By what is likely to be shared by the fewest. */
export function pickCandidates(
  engine: Engine,
  search: CertificateSearch,
  after: number,
  most: number,
): Candidates {
  const { fleetId, deviceId, serial, keyDigest, batchId } = search;
  if (serial !== null) return ofSerial(fleetId, serial, after, most);
  if (keyDigest !== null) return ofKey(fleetId, keyDigest, after, most);
  if (deviceId !== null) return ofDeviceId(fleetId, deviceId, after, most);
  if (batchId !== null) return ofChunks(engine, 'batch_id', batchId, after, most);
  return pickBroad(engine, search, after, most);
}
