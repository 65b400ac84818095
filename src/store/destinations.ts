import type { Selectable } from 'kysely';
import type { Act } from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import type { Destination, NewDestination } from '../outgoing/index.ts';
import { type Asking, all, first } from './asking.ts';
import type { AuditContent } from './audit.ts';
import type { Planned } from './planned.ts';
import type { Schema } from './schema.ts';
import { build } from './session.ts';

export type DestinationRow = Selectable<Schema['destination']>;
type Kind = Destination['kind'];

const readDestination = (row: DestinationRow): Destination =>
  // A row is written from a destination alone, and its kind says which settings it has.
  ({
    id: row.id,
    fleetId: row.fleet_id,
    kind: row.kind as Kind,
    name: row.name,
    url: row.url,
    settings: JSON.parse(row.settings),
    secret: row.secret,
    createdAt: new Date(row.created_at),
    cursor: row.cursor,
    expiring: {
      through: new Date(row.expiring_through),
      until: row.expiring_until === null ? null : new Date(row.expiring_until),
      place: row.expiring_place,
    },
  }) as Destination;

const inUse = build.selectFrom('destination').selectAll().where('removed_at', 'is', null);

export function* findDestination(fleetId: number, kind: Kind, name: string): Asking<Destination | undefined> {
  const row = yield* first(
    inUse.where('fleet_id', '=', fleetId).where('kind', '=', kind).where('name', '=', name),
  );
  return row && readDestination(row);
}

export function* listDestinations(
  fleetId: number,
  kind: Kind,
  after: string,
  limit: number,
): Asking<readonly Destination[]> {
  const rows = yield* all(
    inUse
      .where('fleet_id', '=', fleetId)
      .where('kind', '=', kind)
      .where('name', '>', after)
      .orderBy('name')
      .limit(limit),
  );
  return rows.map(readDestination);
}

export function* listAllDestinations(): Asking<readonly Destination[]> {
  return (yield* all(inUse.orderBy('fleet_id').orderBy('kind').orderBy('name'))).map(readDestination);
}

export function* nameOfFleet(fleetId: number): Asking<string> {
  const row = yield* first(build.selectFrom('fleet').select('name').where('id', '=', fleetId));
  if (!row) throw new Error(`there is no fleet ${fleetId}`);
  return row.name;
}

const ACTIONS = { registry: 'registry-set', webhook: 'webhook-created' } as const;

/** What the entry of a destination says; the verifier compares it with the row. Never the secret. */
export const destinationEntry = (
  fleet: string,
  {
    id,
    kind,
    name,
    url,
    settings,
  }: Pick<DestinationRow, 'id' | 'name' | 'url'> & {
    readonly kind: Kind;
    readonly settings: unknown;
  },
): AuditContent => ({ action: ACTIONS[kind], fleet, details: { id, kind, name, url, settings } });

/** Deliveries and orders of a destination that is ended. */
function* dropBacklog(id: string): Asking<void> {
  yield* all(build.deleteFrom('delivery').where('destination_id', '=', id).returning('number'));
  yield* all(build.deleteFrom('registration_order').where('destination_id', '=', id).returning('batch'));
}

function* endDestination(id: string, at: Date, auditSeq: number): Asking<void> {
  yield* dropBacklog(id);
  yield* all(
    build
      .updateTable('destination')
      .set({ removed_at: at.getTime(), removed_audit_seq: auditSeq })
      .where('id', '=', id)
      .returning('id'),
  );
}

function* insertDestination(
  { at }: Act,
  wish: NewDestination,
  cursor: number,
  auditSeq: number,
): Asking<void> {
  yield* all(
    build
      .insertInto('destination')
      .values({
        id: wish.id,
        fleet_id: wish.fleetId,
        kind: wish.kind,
        name: wish.name,
        url: wish.url,
        settings: JSON.stringify(wish.settings),
        secret: wish.secret,
        created_at: at.getTime(),
        removed_at: null,
        cursor,
        expiring_through: at.getTime(),
        expiring_until: null,
        audit_seq: auditSeq,
        removed_audit_seq: null,
      })
      .returning('id'),
  );
}

function* changeTerms({ settings, secret }: NewDestination, id: string, auditSeq: number): Asking<void> {
  yield* all(
    build
      .updateTable('destination')
      .set({ settings: JSON.stringify(settings), secret, audit_seq: auditSeq })
      .where('id', '=', id)
      .returning('id'),
  );
}

/** The registry that is there, where it is the same server and namespace. */
const isSameRegistry = (known: Destination, wish: NewDestination): boolean =>
  known.kind === 'registry' &&
  wish.kind === 'registry' &&
  known.url === wish.url &&
  known.settings.namespace === wish.settings.namespace;

/** See `OutgoingStore.recordDestination`. */
export function* planDestination(act: Act, given: NewDestination): Asking<Planned<Destination>> {
  const { fleetId, kind, name } = given;
  const known = yield* findDestination(fleetId, kind, name);
  if (known?.kind === 'webhook')
    throw new PkiError('already-exists', `The fleet has a webhook named ${name} already.`);
  const isSame = known !== undefined && isSameRegistry(known, given);
  const wish: NewDestination = isSame ? { ...given, id: known.id } : given;
  return {
    entry: destinationEntry(yield* nameOfFleet(fleetId), wish),
    *write(auditSeq) {
      if (isSame) yield* changeTerms(wish, known.id, auditSeq);
      else {
        if (known) yield* endDestination(known.id, act.at, auditSeq);
        yield* insertDestination(act, wish, known?.cursor ?? auditSeq, auditSeq);
      }
      const written = yield* findDestination(fleetId, kind, name);
      if (!written) throw new Error(`the destination ${name} was written and is not there`);
      return written;
    },
  };
}

/** See `OutgoingStore.removeDestination`. */
export function* planRemoval(act: Act, id: string): Asking<Planned<void>> {
  const row = yield* first(inUse.where('id', '=', id));
  if (!row) throw new PkiError('not-found', 'There is no such destination.');
  const fleet = yield* nameOfFleet(row.fleet_id);
  return {
    entry: { action: `${row.kind}-removed`, fleet, details: { id, name: row.name } },
    write: (auditSeq) => endDestination(id, act.at, auditSeq),
  };
}
