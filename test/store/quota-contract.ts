import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Act, IntentRow, IntentVerdict } from '../../src/ca/index.ts';
import { type Quota, UNBOUND } from '../../src/enrollment/index.ts';
import { type Given, type Line, newLine, type StoreUnderTest } from './line.ts';
import { actAt, completionOf, freshDigest, hex, minutesAfter } from './sample.ts';

const codes = (verdicts: readonly IntentVerdict[]): readonly string[] =>
  verdicts.map((v) => ('code' in v ? v.code : v.verdict));

/** A station with a quota, on a line of its own. */
async function newStation(store: StoreUnderTest, quota: Partial<Quota>) {
  const line = await newLine(store);
  const id = randomBytes(8).toString('hex');
  await store.recordToken(actAt(), {
    id,
    name: 'line 7',
    role: 'station',
    rights: [],
    fleet: line.fleet.name,
    bounds: { ...UNBOUND, quota: { total: null, perHour: null, ...quota } },
    secretHash: freshDigest(),
    createdAt: actAt().at,
    expiresAt: minutesAfter(1000),
    revokedAt: null,
  });
  const act = (minutes = 0): Act => ({
    at: minutesAfter(minutes),
    actor: { kind: 'token', id, role: 'station' },
  });
  const chunk = (minutes: number) => ({
    act: act(minutes),
    runId: store.runId,
    fleetId: line.fleet.id,
    batchId: null,
  });
  return {
    line,
    act,
    record: (rows: readonly IntentRow[], minutes = 0) => store.recordIntents({ ...chunk(minutes), rows }),
    complete: (row: IntentRow, intentId: number) =>
      store.recordIssued({ ...chunk(0), issued: [completionOf(row, intentId)] }),
    spent: async () => (await store.findToken(id))?.spent,
  };
}

const rowsOf = (line: Line, count: number, prefix = 'dev'): readonly IntentRow[] =>
  Array.from({ length: count }, (_, i) => line.row(`${prefix}-${i}`));

const idsOf = (verdicts: readonly IntentVerdict[]): readonly number[] =>
  verdicts.flatMap((v) => (v.verdict === 'recorded' ? [v.intentId] : []));

export function quotaContract(given: Given): void {
  test('the bounds of a token are found as they were recorded, and nothing is spent', async () => {
    const { store } = given;
    const id = randomBytes(8).toString('hex');
    const bounds = {
      quota: { total: 500, perHour: 20 },
      labels: { line: '7', shift: 'late' },
      profiles: ['device', 'hsm'],
      idPattern: 'line7-######',
    };
    await store.recordToken(actAt(), {
      id,
      name: 'line 7',
      role: 'station',
      rights: [],
      fleet: 'demo',
      bounds,
      secretHash: freshDigest(),
      createdAt: actAt().at,
      expiresAt: minutesAfter(1000),
      revokedAt: null,
    });
    expect(await store.findToken(id)).toMatchObject({ bounds, spent: { total: 0, hour: null } });
  });

  test('rows beyond the quota are quota-exceeded, and leave no trace', async () => {
    const { store } = given;
    const { line, record, spent } = await newStation(store, { total: 3 });
    const rows = rowsOf(line, 5);
    expect(codes(await record(rows))).toEqual([
      'recorded',
      'recorded',
      'recorded',
      'quota-exceeded',
      'quota-exceeded',
    ]);
    expect((await spent())?.total).toBe(3);
    expect(await store.findDevice(line.fleet.id, 'dev-3')).toBeUndefined();
    // Its key is free.
    expect(
      codes(await line.record([line.row('dev-9', { keyDigest: rows[4]?.keyDigest ?? freshDigest() })])),
    ).toEqual(['recorded']);
  });

  test('replayed, pending and refused rows spend nothing, also when the quota is spent', async () => {
    const { store } = given;
    const { line, record, complete, spent } = await newStation(store, { total: 1 });
    const row = line.row('dev-1');
    const [intentId] = idsOf(await record([row]));
    const { keyDigest } = row;
    expect(codes(await record([line.row('dev-1', { keyDigest })]))).toEqual(['pending']);
    await complete(row, intentId ?? 0);
    const verdicts = await record([
      line.row('dev-1', { keyDigest }),
      line.row('DEV-1'),
      line.row('dev-2', { keyDigest }),
      line.row('dev-1'),
      line.row('dev-3'),
    ]);
    expect(codes(verdicts)).toEqual([
      'replay',
      'device-id-twin',
      'key-of-another-device',
      'device-has-other-key',
      'quota-exceeded',
    ]);
    expect((await spent())?.total).toBe(1);
  });

  test('a quota is right when many ask at one time', async () => {
    const { line, record, spent } = await newStation(given.store, { total: 25, perHour: 40 });
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, (_, i) => record(rowsOf(line, 4, `lot-${i}`))),
    );
    const said = verdicts.flatMap(codes);
    expect(said.filter((v) => v === 'recorded')).toHaveLength(25);
    expect(said.filter((v) => v === 'quota-exceeded')).toHaveLength(55);
    expect(await spent()).toEqual({ total: 25, hour: { began: minutesAfter(0), count: 25 } });
  });

  test('an hour is one of the clock, and a clock that goes back does not open it again', async () => {
    const { line, record, spent } = await newStation(given.store, { perHour: 2 });
    // Noon is the begin of an hour.
    expect(codes(await record(rowsOf(line, 3, 'before'), -1))).toEqual([
      'recorded',
      'recorded',
      'quota-exceeded',
    ]);
    const [first, ...others] = await record(rowsOf(line, 3, 'noon'), 0);
    expect(codes([first as IntentVerdict, ...others])).toEqual(['recorded', 'recorded', 'quota-exceeded']);
    expect(others[1]).toMatchObject({ facts: { retryAfterSeconds: 3600 } });
    expect(await spent()).toEqual({ total: 4, hour: { began: minutesAfter(0), count: 2 } });
    expect(codes(await record(rowsOf(line, 1, 'back'), -1))).toEqual(['quota-exceeded']);
  });

  test('an abandoned intent gives its unit back, once; a completed one does not', async () => {
    const { store } = given;
    const { line, act, record, complete, spent } = await newStation(store, { total: 3, perHour: 3 });
    const rows = rowsOf(line, 3);
    const ids = idsOf(await record(rows));
    await complete(rows[0] as IntentRow, ids[0] ?? 0);
    await store.abandonIntents(act(), store.runId, ids);
    await store.abandonIntents(act(), store.runId, ids);
    expect(await spent()).toEqual({ total: 1, hour: { began: minutesAfter(0), count: 1 } });
    expect(codes(await record(rowsOf(line, 3, 'again')))).toEqual(['recorded', 'recorded', 'quota-exceeded']);
  });

  test('what is given back of an hour that is over does not count in the next', async () => {
    const { store } = given;
    const { line, act, record, spent } = await newStation(store, { perHour: 2 });
    const ids = idsOf(await record(rowsOf(line, 2, 'before'), -1));
    await record(rowsOf(line, 1, 'noon'), 0);
    await store.abandonIntents(act(), store.runId, ids);
    expect(await spent()).toEqual({ total: 1, hour: { began: minutesAfter(0), count: 1 } });
  });

  test('a chunk that is rejected whole spends nothing', async () => {
    const { line, record, spent } = await newStation(given.store, { total: 5 });
    const one = line.row('dev-1');
    await expect(record([one, line.row('dev-2', { serial: one.serial })])).rejects.toThrow();
    expect(await spent()).toEqual({ total: 0, hour: null });
  });

  test('a token without a quota is not counted', async () => {
    const { line, record, spent } = await newStation(given.store, {});
    const row = line.row('dev-1');
    expect(codes(await record([row]))).toEqual(['recorded']);
    expect(hex(row.keyDigest)).toHaveLength(64);
    expect(await spent()).toEqual({ total: 0, hour: null });
  });

  test('labels that the token alone stamps make no other request; those that were asked do', async () => {
    const { line, record, complete } = await newStation(given.store, {});
    const row = line.row('dev-1', { labels: '{"line":"7"}', labelsAsked: false });
    const [intentId] = idsOf(await record([row]));
    await complete(row, intentId ?? 0);
    const { keyDigest } = row;
    const ask = (labels: string | null, labelsAsked: boolean) =>
      record([line.row('dev-1', { keyDigest, labels, labelsAsked })]);
    expect(codes(await ask('{"line":"8"}', false))).toEqual(['replay']);
    expect(codes(await ask(null, false))).toEqual(['replay']);
    expect(codes(await ask('{"line":"7"}', true))).toEqual(['replay']);
    expect(codes(await ask('{"line":"8"}', true))).toEqual(['request-differs']);
  });
}
