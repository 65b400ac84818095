import { expect, test } from 'vitest';
import type { FailedDelivery, NewDestination, Progress } from '../../src/outgoing/index.ts';
import { entriesOf, type Given, type Line, newFleet, newLine, rejection } from './line.ts';
import { actAt, fresh, freshDigest, hex, minutesAfter } from './sample.ts';

const freshId = (): string => hex(freshDigest()).slice(0, 16);

const webhookOf = (fleetId: number, wish: Partial<NewDestination> = {}): NewDestination =>
  ({
    id: freshId(),
    fleetId,
    kind: 'webhook',
    name: 'erp',
    url: 'https://erp.example.com/hook',
    settings: { events: ['certificate.issued'], expiringDays: 30, serverCa: null },
    secret: Buffer.from('sealed'),
    ...wish,
  }) as NewDestination;

const registryOf = (
  fleetId: number,
  namespace = 'default',
  url = 'https://r.example.com',
): NewDestination => ({
  id: freshId(),
  fleetId,
  kind: 'registry',
  name: 'registry',
  url,
  settings: { namespace, deviceType: 'Other', deviceIdLabel: null, deviceNameLabel: null, serverCa: null },
  secret: null,
});

const progress = (wish: Partial<Progress> = {}): Progress => ({
  at: actAt().at,
  settled: [],
  failed: [],
  registered: [],
  dropped: [],
  ...wish,
});

const failed = (wish: Partial<FailedDelivery> = {}): FailedDelivery => ({
  id: fresh('msg'),
  message: { eventType: 'certificate.issued', body: '{}' },
  attempts: 1,
  nextAttemptAt: minutesAfter(1),
  lastError: 'it was down',
  ...wish,
});

/** What a registry's backlog has due at a time. */
const dueIds = async ({ store }: Given, id: string, minutes: number): Promise<readonly string[]> =>
  (await store.readBacklog(id, minutesAfter(minutes), 10, 10)).due.map((one) => one.id);

export function outgoingContract(given: Given): void {
  const add = (destination: NewDestination) => given.store.recordDestination(actAt(), destination);

  test('a webhook is told from its own entry on, is found in its fleet alone, and keeps its name there', async () => {
    const { store } = given;
    const [here, there] = [await newFleet(store), await newFleet(store)];
    const wish = webhookOf(here.id);
    const [entry, ...more] = await entriesOf(store, () => add(wish));
    expect([entry?.action, entry?.fleet, more]).toEqual(['webhook-created', here.name, []]);
    expect(JSON.stringify(entry?.details)).not.toContain(hex(Buffer.from('sealed')));
    const made = await store.findDestination(here.id, 'webhook', 'erp');
    expect(made).toMatchObject({ ...wish, secret: expect.anything(), cursor: entry?.seq });
    expect(Buffer.from(made?.secret ?? []).toString()).toBe('sealed');
    expect(await store.findDestination(there.id, 'webhook', 'erp')).toBeUndefined();
    expect(await rejection(add(webhookOf(here.id)))).toMatchObject({ code: 'already-exists' });
    await add(webhookOf(there.id));
    expect(await store.listDestinations(here.id, 'webhook', '', 9)).toEqual([made]);
    expect(await store.listDestinations(here.id, 'webhook', 'erp', 9)).toEqual([]);
    expect((await store.listAllDestinations()).map(({ id }) => id)).toContain(wish.id);
  });

  test('a webhook that is ended is told nothing more, and its name is free', async () => {
    const { store } = given;
    const fleet = await newFleet(store);
    const { id } = await add(webhookOf(fleet.id));
    await store.recordProgress(id, progress({ failed: [failed()] }));
    await store.removeDestination(actAt(), id);
    expect(await store.findDestination(fleet.id, 'webhook', 'erp')).toBeUndefined();
    expect(await store.listDeliveries({ fleetId: fleet.id, state: null }, 0, 9)).toEqual([]);
    expect(await rejection(store.removeDestination(actAt(), id))).toMatchObject({ code: 'not-found' });
    await add(webhookOf(fleet.id));
  });

  test('a registry under the same URL and namespace stays the one it is; another goes on from where it was', async () => {
    const { store } = given;
    const fleet = await newFleet(store);
    const first = await add(registryOf(fleet.id));
    const again = await add({ ...registryOf(fleet.id), secret: Buffer.from('sealed') });
    expect([again.id, again.cursor]).toEqual([first.id, first.cursor]);
    expect(again.secret).not.toBeNull();
    const other = await add(registryOf(fleet.id, 'other'));
    expect(other.id).not.toBe(first.id);
    expect(other.cursor).toBe(first.cursor);
    expect(await store.findDestination(fleet.id, 'registry', 'registry')).toEqual(other);
  });

  test('a page of entries has those of the fleet and of the actions that are asked for, and says how far it looked', async () => {
    const { store } = given;
    const line = await newLine(store);
    const { cursor } = await add(webhookOf(line.fleet.id));
    const certificate = await line.issue(line.row('dev-1'));
    await newFleet(store);
    const page = await store.listEntriesOf(line.fleet.id, ['certificates-issued'], cursor);
    expect(page.entries.map(({ action }) => action)).toEqual(['certificates-issued']);
    expect(page.through).toBeGreaterThan(page.entries[0]?.seq ?? 0);
    expect(await store.listEntriesOf(line.fleet.id, ['certificates-issued'], page.through)).toEqual({
      entries: [],
      through: page.through,
    });
    const ranges = page.entries[0]?.details.intents as [number, number][];
    expect(await store.listIssued(ranges)).toEqual([certificate]);
  });

  test('what failed waits for its time, is counted up by its id, and is gone when it has arrived', async () => {
    const { store } = given;
    const fleet = await newFleet(store);
    const { id } = await add(webhookOf(fleet.id));
    const one = failed();
    await store.recordProgress(id, progress({ failed: [one] }));
    expect(await dueIds(given, id, 0)).toEqual([]);
    expect((await store.readBacklog(id, minutesAfter(0), 10, 10)).pending).toBe(1);
    expect(await dueIds(given, id, 1)).toEqual([one.id]);
    await store.recordProgress(
      id,
      progress({ failed: [{ ...one, attempts: 2, nextAttemptAt: minutesAfter(2) }] }),
    );
    expect(await dueIds(given, id, 1)).toEqual([]);
    expect(await store.findDelivery(fleet.id, one.id)).toMatchObject({
      message: one.message,
      attempts: 2,
      state: 'pending',
      lastError: 'it was down',
    });
    await store.recordProgress(id, progress({ settled: [one.id] }));
    expect(await store.findDelivery(fleet.id, one.id)).toBeUndefined();
  });

  test('what was given up is listed as dead, in its fleet alone, and a person makes it due again', async () => {
    const { store } = given;
    const [fleet, other] = [await newFleet(store), await newFleet(store)];
    const { id } = await add(webhookOf(fleet.id));
    const dead = failed({ attempts: 9, nextAttemptAt: null });
    await store.recordProgress(id, progress({ failed: [dead, failed()] }));
    expect(await store.countDeliveries(id, 'dead', 9)).toBe(1);
    expect(await store.countDeliveries(id, 'pending', 9)).toBe(1);
    const listed = await store.listDeliveries({ fleetId: fleet.id, state: 'dead' }, 0, 9);
    expect(listed.map((one) => [one.id, one.attempts, one.nextAttemptAt])).toEqual([[dead.id, 9, null]]);
    expect(await store.listDeliveries({ fleetId: other.id, state: 'dead' }, 0, 9)).toEqual([]);
    expect(
      await store.listDeliveries({ fleetId: fleet.id, state: 'dead' }, listed[0]?.number ?? 0, 9),
    ).toEqual([]);
    expect(await rejection(store.retryDelivery(actAt(), other.id, dead.id))).toMatchObject({
      code: 'not-found',
    });
    const [entry] = await entriesOf(store, () => store.retryDelivery(actAt(), fleet.id, dead.id));
    expect([entry?.action, entry?.details.delivery]).toEqual(['delivery-retried', dead.id]);
    expect(await dueIds(given, id, 0)).toEqual([dead.id]);
    expect(await store.findDelivery(fleet.id, dead.id)).toMatchObject({ attempts: 0, state: 'pending' });
  });

  test('a cursor moves from where it is alone, together with what came of the calls', async () => {
    const { store } = given;
    const fleet = await newFleet(store);
    const { id, cursor } = await add(webhookOf(fleet.id));
    const one = failed();
    const move = progress({ cursor: { from: cursor, to: cursor + 5 }, failed: [one] });
    await store.recordProgress(id, move);
    const late = progress({ cursor: { from: cursor, to: cursor + 9 }, settled: [one.id] });
    expect(await rejection(store.recordProgress(id, late))).toMatchObject({ code: 'busy' });
    expect((await store.findDestination(fleet.id, 'webhook', 'erp'))?.cursor).toBe(cursor + 5);
    expect(await store.findDelivery(fleet.id, one.id)).toBeDefined();
  });

  test('how far certificates about to expire were told of is kept', async () => {
    const { store } = given;
    const fleet = await newFleet(store);
    const { id, expiring } = await add(webhookOf(fleet.id));
    expect(expiring).toEqual({ through: actAt().at, until: null, place: 0 });
    const next = { through: minutesAfter(1), until: minutesAfter(9), place: 7 };
    await store.recordProgress(id, progress({ expiring: next }));
    expect((await store.findDestination(fleet.id, 'webhook', 'erp'))?.expiring).toEqual(next);
  });

  const lotOf = async (line: Line): Promise<string> => {
    const id = fresh('batch');
    const who = { fleetId: line.fleet.id, tokenId: '00112233aabbccdd', profile: null, authority: null };
    await given.store.openBatch(actAt(), given.store.runId, { id, ...who });
    return id;
  };

  test('a person makes the registration of a device, or of a lot, due', async () => {
    const { store } = given;
    const line = await newLine(store);
    const { id } = await add(registryOf(line.fleet.id));
    const delivery = await store.orderDevice(actAt(), id, 'dev-1');
    expect(delivery).toMatchObject({ message: { deviceId: 'dev-1' }, attempts: 0, lastError: null });
    expect((await store.orderDevice(actAt(), id, 'dev-1')).number).toBe(delivery.number);
    expect(await dueIds(given, id, 0)).toEqual([delivery.id]);
    const lot = await lotOf(line);
    await store.orderLot(actAt(), id, lot);
    const orders = async () => (await store.readBacklog(id, minutesAfter(0), 9, 9)).orders;
    expect(await orders()).toEqual([{ batchId: lot, after: 0 }]);
    await store.recordProgress(id, progress({ order: { batchId: lot, after: 4, isDone: false } }));
    expect(await orders()).toEqual([{ batchId: lot, after: 4 }]);
    await store.recordProgress(id, progress({ order: { batchId: lot, after: 4, isDone: true } }));
    expect(await orders()).toEqual([]);
    expect(await rejection(store.orderLot(actAt(), id, 'none'))).toMatchObject({ code: 'not-found' });
  });

  test('what a registry has taken last of a device is known until it is dropped', async () => {
    const { store } = given;
    const line = await newLine(store);
    const { id } = await add(registryOf(line.fleet.id));
    const { intentId } = await line.issue(line.row('dev-1'));
    expect(await store.findDeviceRegistration(id, 'dev-1')).toBeUndefined();
    await store.recordProgress(id, progress({ registered: [{ deviceId: 'dev-1', intentId }] }));
    await store.recordProgress(id, progress({ registered: [{ deviceId: 'dev-1', intentId }] }));
    expect(await store.findDeviceRegistration(id, 'dev-1')).toEqual({ intentId, at: actAt().at });
    await store.recordProgress(id, progress({ dropped: ['dev-1'] }));
    expect(await store.findDeviceRegistration(id, 'dev-1')).toBeUndefined();
  });
}
