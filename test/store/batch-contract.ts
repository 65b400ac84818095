import { expect, test } from 'vitest';
import type { BatchOpening, RowOutcome } from '../../src/batch/index.ts';
import { entriesOf, type Given, type Line, newLine, rejection } from './line.ts';
import { actAt, fresh, hex, minutesAfter } from './sample.ts';

const opening = (line: Line, wish: Partial<BatchOpening> = {}): BatchOpening => ({
  id: fresh('batch'),
  fleetId: line.fleet.id,
  tokenId: '00112233aabbccdd',
  profile: null,
  authority: null,
  ...wish,
});

const refusedRow = (row: number): RowOutcome => ({
  row,
  deviceId: null,
  status: 'refused',
  intentId: null,
  problem: { code: 'bad-csr', message: 'It is no request.', violations: [{ at: '/csr', message: 'no' }] },
  warnings: [],
});

export function batchContract(given: Given): void {
  test('a batch is found as it was opened, with its first attempt', async () => {
    const line = await newLine(given.store);
    const wish = opening(line, { profile: 'device', authority: 'root' });
    expect(await given.store.findBatch(wish.id)).toBeUndefined();
    expect(await given.store.openBatch(actAt(), given.store.runId, wish)).toEqual({ attempt: 1 });
    expect(await given.store.findBatch(wish.id)).toEqual({
      ...wish,
      acknowledged: 0,
      createdAt: actAt().at,
      lastSeq: 0,
      attempts: [
        {
          number: 1,
          state: 'receiving',
          rows: 0,
          issued: 0,
          replayed: 0,
          refused: 0,
          failed: 0,
          startedAt: actAt().at,
          changedAt: actAt().at,
          endedAt: null,
        },
      ],
    });
  });

  test('the same id again is a further attempt, also by another token', async () => {
    const line = await newLine(given.store);
    const wish = opening(line);
    const { runId } = given.store;
    await given.store.openBatch(actAt(), runId, wish);
    await given.store.closeAttempt(actAt(1), wish.id, 1, 'interrupted');
    const again = { ...wish, tokenId: 'ffffffffffffffff' };
    expect(await given.store.openBatch(actAt(2), runId, again)).toEqual({ attempt: 2 });
    await given.store.closeAttempt(actAt(3), wish.id, 2, 'complete');
    const batch = await given.store.findBatch(wish.id);
    expect(batch?.tokenId).toBe(wish.tokenId);
    expect(
      batch?.attempts.map(({ number, state, startedAt, endedAt }) => [number, state, startedAt, endedAt]),
    ).toEqual([
      [1, 'interrupted', minutesAfter(0), minutesAfter(1)],
      [2, 'complete', minutesAfter(2), minutesAfter(3)],
    ]);
  });

  test.each(['fleetId', 'profile', 'authority'] as const)(
    'an id with another %s is idempotency-key-reused, and opens nothing',
    async (field) => {
      const [line, other] = [await newLine(given.store), await newLine(given.store)];
      const wish = opening(line, { profile: 'device' });
      const { runId } = given.store;
      await given.store.openBatch(actAt(), runId, wish);
      const reused = { ...wish, [field]: field === 'fleetId' ? other.fleet.id : null };
      if (field === 'authority') reused.authority = 'root';
      const entries = await entriesOf(given.store, async () => {
        expect(await rejection(given.store.openBatch(actAt(), runId, reused))).toMatchObject({
          code: 'idempotency-key-reused',
        });
      });
      expect(entries).toEqual([]);
      expect((await given.store.findBatch(wish.id))?.attempts).toHaveLength(1);
    },
  );

  test('outcomes are one list over all attempts, in order, with their certificates', async () => {
    const { store } = given;
    const line = await newLine(store);
    const wish = opening(line);
    await store.openBatch(actAt(), store.runId, wish);
    const certificate = await line.issue(line.row('dev-1'));
    const issued: RowOutcome = {
      row: 2,
      deviceId: 'dev-1',
      status: 'issued',
      intentId: certificate.intentId,
      problem: null,
      warnings: ['The subject was rebuilt.'],
    };
    const failed: RowOutcome = {
      ...refusedRow(3),
      deviceId: 'dev-3',
      status: 'failed',
      problem: { code: 'busy', message: 'Again.' },
    };
    await store.recordOutcomes(actAt(), wish.id, 1, [refusedRow(1), issued]);
    await store.recordOutcomes(actAt(), wish.id, 1, [failed]);
    await store.closeAttempt(actAt(), wish.id, 1, 'interrupted');
    await store.openBatch(actAt(), store.runId, wish);
    await store.recordOutcomes(actAt(), wish.id, 2, [{ ...issued, row: 1, status: 'replayed' }]);

    const listed = await store.listOutcomes(wish.id, null, 0, 10);
    expect(listed.map(({ serial: _, certificate: __, envelope: ___, ...outcome }) => outcome)).toEqual([
      { ...refusedRow(1), seq: 1, attempt: 1 },
      { ...issued, seq: 2, attempt: 1 },
      { ...failed, seq: 3, attempt: 1 },
      { ...issued, row: 1, status: 'replayed', seq: 4, attempt: 2 },
    ]);
    const held = listed.map((o) => [o.serial && hex(o.serial), o.certificate && hex(o.certificate)]);
    const here = [hex(certificate.serial), hex(certificate.der)];
    expect(held).toEqual([[null, null], here, [null, null], here]);

    const seqs = async (attempt: number | null, after: number, limit: number) =>
      (await store.listOutcomes(wish.id, attempt, after, limit)).map(({ seq }) => seq);
    expect(await seqs(null, 1, 2)).toEqual([2, 3]);
    expect(await seqs(1, 0, 10)).toEqual([1, 2, 3]);
    expect(await seqs(2, 0, 10)).toEqual([4]);
    expect(await seqs(null, 4, 10)).toEqual([]);

    const batch = await store.findBatch(wish.id);
    expect(batch?.lastSeq).toBe(4);
    expect(batch?.attempts).toMatchObject([
      { rows: 3, issued: 1, replayed: 0, refused: 1, failed: 1 },
      { rows: 1, issued: 0, replayed: 1, refused: 0, failed: 0 },
    ]);
  });

  test('an outcome names a certificate that is on record, or the whole chunk is rejected', async () => {
    const { store } = given;
    const line = await newLine(store);
    const wish = opening(line);
    await store.openBatch(actAt(), store.runId, wish);
    const row = line.row('dev-1');
    const open = await line.intend(row);
    const early: RowOutcome = { ...refusedRow(2), status: 'issued', intentId: open, problem: null };
    const entries = await entriesOf(store, async () => {
      expect(
        await rejection(store.recordOutcomes(actAt(), wish.id, 1, [refusedRow(1), early])),
      ).toBeInstanceOf(Error);
    });
    expect(entries).toEqual([]);
    expect(await store.listOutcomes(wish.id, null, 0, 10)).toEqual([]);
    expect((await store.findBatch(wish.id))?.lastSeq).toBe(0);
  });

  test('nothing is added to an attempt that is closed or was never opened', async () => {
    const { store } = given;
    const line = await newLine(store);
    const wish = opening(line);
    await store.openBatch(actAt(), store.runId, wish);
    await store.closeAttempt(actAt(), wish.id, 1, 'complete');
    const entries = await entriesOf(store, async () => {
      for (const attempt of [
        store.recordOutcomes(actAt(), wish.id, 1, [refusedRow(1)]),
        store.recordOutcomes(actAt(), wish.id, 2, [refusedRow(1)]),
        store.recordOutcomes(actAt(), fresh('batch'), 1, [refusedRow(1)]),
        store.closeAttempt(actAt(), wish.id, 1, 'interrupted'),
        store.closeAttempt(actAt(), wish.id, 2, 'complete'),
        store.closeAttempt(actAt(), fresh('batch'), 1, 'complete'),
      ]) {
        expect(await rejection(attempt)).toBeInstanceOf(Error);
      }
    });
    expect(entries).toEqual([]);
    expect((await store.findBatch(wish.id))?.attempts[0]?.state).toBe('complete');
  });

  test('a text of a refused row is kept as far as it can be', async () => {
    const { store } = given;
    const line = await newLine(store);
    const wish = opening(line);
    await store.openBatch(actAt(), store.runId, wish);
    const strange = { ...refusedRow(1), deviceId: 'a\0b\ud800c', warnings: ['\0', '\ud800'] };
    await store.recordOutcomes(actAt(), wish.id, 1, [strange]);
    const [outcome] = await store.listOutcomes(wish.id, null, 0, 10);
    expect(outcome?.deviceId).toBe('a\ufffdb\ufffdc');
    expect(outcome?.warnings).toHaveLength(2);
  });

  test('a certificate says the batch that asked for it', async () => {
    const { store } = given;
    const line = await newLine(store);
    const { id: batchId } = opening(line);
    await store.openBatch(actAt(), store.runId, opening(line, { id: batchId }));
    const row = line.row('dev-1');
    const chunk = { act: actAt(), runId: store.runId, fleetId: line.fleet.id, batchId };
    const [verdict] = await store.recordIntents({ ...chunk, rows: [row] });
    const intentId = verdict?.verdict === 'recorded' ? verdict.intentId : 0;
    expect((await line.complete(row, intentId)).batchId).toBe(batchId);
  });

  test('a batch shows its last hundred attempts, oldest first', { timeout: 60_000 }, async () => {
    const { store } = given;
    const line = await newLine(store);
    const wish = opening(line);
    const opened = await Promise.all(
      Array.from({ length: 102 }, () => store.openBatch(actAt(), store.runId, wish)),
    );
    expect(opened.map(({ attempt }) => attempt)).toEqual(Array.from({ length: 102 }, (_, i) => i + 1));
    const numbers = (await store.findBatch(wish.id))?.attempts.map(({ number }) => number);
    expect(numbers).toEqual(Array.from({ length: 100 }, (_, i) => i + 3));
  });
}
