import type { Selectable } from 'kysely';
import type { Act, StoredCertificate } from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import type {
  Backlog,
  Delivery,
  DeliverySearch,
  DeliveryState,
  EntryPage,
  EventType,
  FailedDelivery,
  LotOrder,
  Message,
  Progress,
} from '../outgoing/index.ts';
import { type Asking, all, first } from './asking.ts';
import { readAuditRow } from './audit.ts';
import { nameOfFleet } from './destinations.ts';
import { certificatesOf } from './inventory.ts';
import type { Planned } from './planned.ts';
import type { Schema } from './schema.ts';
import { build } from './session.ts';

type DeliveryRow = Selectable<Schema['delivery']>;

const readMessage = ({ device_id, event_type, body }: DeliveryRow): Message =>
  device_id === null ? { eventType: event_type as EventType, body: body ?? '' } : { deviceId: device_id };

const readDelivery = (row: DeliveryRow): Delivery => ({
  number: row.number,
  id: row.id,
  destinationId: row.destination_id,
  message: readMessage(row),
  state: row.state as Delivery['state'],
  attempts: row.attempts,
  nextAttemptAt: row.next_attempt_at === null ? null : new Date(row.next_attempt_at),
  lastError: row.last_error,
  createdAt: new Date(row.created_at),
  changedAt: new Date(row.changed_at),
});

/** Entries of the log that one call looks at: others' may be many. */
const STRIDE = 2_000;
/** Entries of a fleet on a page. One tells of as many rows as a chunk has. */
const PAGE = 8;

export function* listEntriesOf(
  fleetId: number,
  actions: readonly string[],
  after: number,
): Asking<EntryPage> {
  const head = (yield* first(build.selectFrom('audit').select('seq').orderBy('seq', 'desc').limit(1)))?.seq;
  const end = Math.min(head ?? 0, after + STRIDE);
  const rows = yield* all(
    build
      .selectFrom('audit')
      .selectAll()
      .where('seq', '>', after)
      .where('seq', '<=', end)
      .where('fleet', '=', yield* nameOfFleet(fleetId))
      .where('action', 'in', actions)
      .orderBy('seq')
      .limit(PAGE),
  );
  const entries = rows.map(readAuditRow);
  return { entries, through: rows.length < PAGE ? end : (rows.at(-1)?.seq ?? end) };
}

export function* listIssued(
  ranges: readonly (readonly [number, number])[],
): Asking<readonly StoredCertificate[]> {
  const ids = ranges.flatMap(([from, to]) => Array.from({ length: to - from + 1 }, (_, i) => from + i));
  return yield* certificatesOf(ids);
}

const ofDestination = (id: string) =>
  build.selectFrom('delivery').where('destination_id', '=', id).where('state', '=', 'pending');

function* listOrders(destinationId: string): Asking<readonly LotOrder[]> {
  const rows = yield* all(
    build
      .selectFrom('registration_order as o')
      .innerJoin('batch as b', 'b.number', 'o.batch')
      .select(['b.id', 'o.after'])
      .where('o.destination_id', '=', destinationId)
      .orderBy('o.batch'),
  );
  return rows.map(({ id, after }) => ({ batchId: id, after }));
}

export function* readBacklog(destinationId: string, at: Date, limit: number, most: number): Asking<Backlog> {
  const due = yield* all(
    ofDestination(destinationId)
      .selectAll()
      .where('next_attempt_at', '<=', at.getTime())
      .orderBy('next_attempt_at')
      .limit(limit),
  );
  const pending = yield* all(ofDestination(destinationId).select('number').limit(most));
  return { due: due.map(readDelivery), pending: pending.length, orders: yield* listOrders(destinationId) };
}

/** See `OutgoingStore.countDeliveries`: read from the index alone. */
export function* countDeliveries(destinationId: string, state: DeliveryState, most: number): Asking<number> {
  const counted = yield* all(
    build
      .selectFrom('delivery')
      .select('number')
      .where('destination_id', '=', destinationId)
      .where('state', '=', state)
      .limit(most),
  );
  return counted.length;
}

const columnsOf = (message: Message) =>
  'deviceId' in message
    ? { device_id: message.deviceId, event_type: null, body: null }
    : { device_id: null, event_type: message.eventType, body: message.body };

/** Writes a delivery, or what has become of it. */
function* putDelivery(
  destinationId: string,
  at: Date,
  failed: Omit<FailedDelivery, 'lastError'> & { readonly lastError: string | null },
): Asking<void> {
  const says = {
    state: failed.nextAttemptAt === null ? 'dead' : 'pending',
    attempts: failed.attempts,
    next_attempt_at: failed.nextAttemptAt?.getTime() ?? null,
    last_error: failed.lastError,
    changed_at: at.getTime(),
  };
  yield* all(
    build
      .insertInto('delivery')
      .values({
        id: failed.id,
        destination_id: destinationId,
        ...columnsOf(failed.message),
        ...says,
        created_at: at.getTime(),
      })
      .onConflict((conflict) => conflict.column('id').doUpdateSet(says))
      .returning('number'),
  );
}

function* moveCursor(destinationId: string, { from, to }: { from: number; to: number }): Asking<void> {
  const moved = yield* all(
    build
      .updateTable('destination')
      .set({ cursor: to })
      .where('id', '=', destinationId)
      .where('cursor', '=', from)
      .where('removed_at', 'is', null)
      .returning('id'),
  );
  if (moved.length !== 1) throw new PkiError('busy', 'The destination was changed, or told by another.');
}

function* moveOrder(
  destinationId: string,
  { batchId, after, isDone }: NonNullable<Progress['order']>,
): Asking<void> {
  const batch = yield* first(build.selectFrom('batch').select('number').where('id', '=', batchId));
  const number = batch?.number ?? 0;
  yield* isDone
    ? all(
        build
          .deleteFrom('registration_order')
          .where('destination_id', '=', destinationId)
          .where('batch', '=', number)
          .returning('batch'),
      )
    : all(
        build
          .updateTable('registration_order')
          .set({ after })
          .where('destination_id', '=', destinationId)
          .where('batch', '=', number)
          .returning('batch'),
      );
}

function* moveExpiry(destinationId: string, expiring: NonNullable<Progress['expiring']>): Asking<void> {
  const { through, until, place } = expiring;
  yield* all(
    build
      .updateTable('destination')
      .set({
        expiring_through: through.getTime(),
        expiring_until: until?.getTime() ?? null,
        expiring_place: place,
      })
      .where('id', '=', destinationId)
      .returning('id'),
  );
}

function* putRegistration(
  destinationId: string,
  at: Date,
  { deviceId, intentId }: Progress['registered'][number],
): Asking<void> {
  const says = { intent_id: intentId, registered_at: at.getTime() };
  yield* all(
    build
      .insertInto('device_registration')
      .values({ destination_id: destinationId, device_id: deviceId, ...says })
      .onConflict((conflict) => conflict.columns(['destination_id', 'device_id']).doUpdateSet(says))
      .returning('device_id'),
  );
}

/** See `OutgoingStore.recordProgress`. */
export function* recordProgress(destinationId: string, progress: Progress): Asking<void> {
  const { at, cursor, order, expiring } = progress;
  if (cursor) yield* moveCursor(destinationId, cursor);
  if (order) yield* moveOrder(destinationId, order);
  if (expiring) yield* moveExpiry(destinationId, expiring);
  for (const id of progress.settled)
    yield* all(build.deleteFrom('delivery').where('id', '=', id).returning('number'));
  for (const failed of progress.failed) yield* putDelivery(destinationId, at, failed);
  for (const registered of progress.registered) yield* putRegistration(destinationId, at, registered);
  for (const deviceId of progress.dropped)
    yield* all(
      build
        .deleteFrom('device_registration')
        .where('destination_id', '=', destinationId)
        .where('device_id', '=', deviceId)
        .returning('device_id'),
    );
}

export function* findDeviceRegistration(
  destinationId: string,
  deviceId: string,
): Asking<{ readonly intentId: number; readonly at: Date } | undefined> {
  const row = yield* first(
    build
      .selectFrom('device_registration')
      .select(['intent_id', 'registered_at'])
      .where('destination_id', '=', destinationId)
      .where('device_id', '=', deviceId),
  );
  return row && { intentId: row.intent_id, at: new Date(row.registered_at) };
}

const ofFleet = (fleetId: number) =>
  build
    .selectFrom('delivery as y')
    .innerJoin('destination as t', 't.id', 'y.destination_id')
    .selectAll('y')
    .where('t.fleet_id', '=', fleetId);

export function* listDeliveries(
  { fleetId, state }: DeliverySearch,
  after: number,
  limit: number,
): Asking<readonly Delivery[]> {
  const rows = yield* all(
    ofFleet(fleetId)
      .$if(state !== null, (query) => query.where('y.state', '=', state ?? ''))
      .where('y.number', '>', after)
      .orderBy('y.number')
      .limit(limit),
  );
  return rows.map(readDelivery);
}

export function* findDelivery(fleetId: number, id: string): Asking<Delivery | undefined> {
  const row = yield* first(ofFleet(fleetId).where('y.id', '=', id));
  return row && readDelivery(row);
}

/** The delivery is pending, due at once, and untried. */
function* makeDue(destinationId: string, at: Date, id: string, message: Message): Asking<Delivery> {
  yield* putDelivery(destinationId, at, { id, message, attempts: 0, nextAttemptAt: at, lastError: null });
  const row = yield* first(build.selectFrom('delivery').selectAll().where('id', '=', id));
  if (!row) throw new Error(`the delivery ${id} was written and is not there`);
  return readDelivery(row);
}

/** See `OutgoingStore.retryDelivery`. */
export function* planRetry(act: Act, fleetId: number, id: string): Asking<Planned<Delivery>> {
  const known = yield* findDelivery(fleetId, id);
  if (!known) throw new PkiError('not-found', 'There is no such delivery.');
  const { destinationId, message, attempts } = known;
  return {
    entry: {
      action: 'delivery-retried',
      fleet: yield* nameOfFleet(fleetId),
      details: { delivery: id, destination: destinationId, attempts },
    },
    write: () => makeDue(destinationId, act.at, id, message),
  };
}

const fleetOf = (destinationId: string) =>
  first(
    build
      .selectFrom('destination as t')
      .innerJoin('fleet as f', 'f.id', 't.fleet_id')
      .select('f.name')
      .where('t.id', '=', destinationId),
  );

/** One a device: what is told is what holds when it is. */
export const deviceDeliveryId = (registryId: string, deviceId: string): string =>
  `dev_${registryId}_${deviceId}`;

/** See `OutgoingStore.orderDevice`. */
export function* planDeviceOrder(act: Act, registryId: string, deviceId: string): Asking<Planned<Delivery>> {
  const fleet = (yield* fleetOf(registryId))?.name ?? null;
  const id = deviceDeliveryId(registryId, deviceId);
  return {
    entry: { action: 'registration-ordered', fleet, details: { registry: registryId, device: deviceId } },
    write: () => makeDue(registryId, act.at, id, { deviceId }),
  };
}

/** See `OutgoingStore.orderLot`. */
export function* planLotOrder(registryId: string, batchId: string): Asking<Planned<void>> {
  const batch = yield* first(build.selectFrom('batch').select('number').where('id', '=', batchId));
  if (!batch) throw new PkiError('not-found', 'There is no such batch.');
  const fleet = (yield* fleetOf(registryId))?.name ?? null;
  return {
    entry: { action: 'registration-ordered', fleet, details: { registry: registryId, batch: batchId } },
    *write(auditSeq) {
      yield* all(
        build
          .insertInto('registration_order')
          .values({ destination_id: registryId, batch: batch.number, after: 0, audit_seq: auditSeq })
          .onConflict((conflict) =>
            conflict.columns(['destination_id', 'batch']).doUpdateSet({ after: 0, audit_seq: auditSeq }),
          )
          .returning('batch'),
      );
    },
  };
}
