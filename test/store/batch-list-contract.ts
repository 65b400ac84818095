import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { BatchEntry, BatchSearch, RowOutcome } from '../../src/batch/index.ts';
import { type Given, newLine } from './line.ts';
import { actAt, fresh, minutesAfter } from './sample.ts';

const EVERYTHING: BatchSearch = { fleetId: null, tokenId: null, state: null };

const refusedRow = (row: number): RowOutcome => ({
  row,
  deviceId: null,
  status: 'refused',
  intentId: null,
  problem: { code: 'bad-csr', message: 'It is no request.' },
  warnings: [],
});

export function batchListContract(given: Given): void {
  const list = async (wish: Partial<BatchSearch>, limit = 2): Promise<readonly BatchEntry[]> => {
    const found: BatchEntry[] = [];
    let before: number | null = null;
    do {
      const page = await given.store.listBatches({ ...EVERYTHING, ...wish }, before, limit);
      expect(page.batches.length).toBeLessThanOrEqual(limit);
      found.push(...page.batches);
      before = page.next;
    } while (before !== null);
    return found;
  };

  async function newBatches() {
    const { store } = given;
    const [line, other] = [await newLine(store), await newLine(store)];
    const [one, two] = [randomBytes(8).toString('hex'), randomBytes(8).toString('hex')];
    const open = async (fleetId: number, tokenId: string, minutes = 0) => {
      const id = fresh('lot');
      const opening = { id, fleetId, tokenId, profile: null, authority: null };
      await store.openBatch(actAt(minutes), store.runId, opening);
      return id;
    };
    const a = await open(line.fleet.id, one);
    const b = await open(line.fleet.id, two);
    const x = await open(other.fleet.id, one);
    const c = await open(line.fleet.id, one);
    await store.closeAttempt(actAt(1), a, 1, 'complete');
    await store.closeAttempt(actAt(1), b, 1, 'interrupted');
    return { line, other, one, two, a, b, c, x };
  }

  const idsOf = (entries: readonly BatchEntry[]): readonly string[] => entries.map(({ id }) => id);

  test.each([1, 2, 100])('batches are listed newest first by what they have, %d at a time', async (limit) => {
    const { line, other, one, two, a, b, c, x } = await newBatches();
    const fleetId = line.fleet.id;
    expect(idsOf(await list({ fleetId }, limit))).toEqual([c, b, a]);
    expect(idsOf(await list({ fleetId: other.fleet.id }, limit))).toEqual([x]);
    expect(idsOf(await list({ tokenId: one }, limit))).toEqual([c, x, a]);
    expect(idsOf(await list({ tokenId: one, fleetId }, limit))).toEqual([c, a]);
    expect(idsOf(await list({ tokenId: two, state: 'interrupted' }, limit))).toEqual([b]);
    expect(idsOf(await list({ fleetId, state: 'complete' }, limit))).toEqual([a]);
    expect(idsOf(await list({ fleetId, state: 'receiving' }, limit))).toEqual([c]);
    const all = idsOf(await list({}, 100));
    expect(all.slice(0, 4)).toEqual([c, x, b, a]);
  });

  test('a batch is listed as its last attempt is, with the time of its last outcomes', async () => {
    const { store } = given;
    const { line, b } = await newBatches();
    const fleetId = line.fleet.id;
    const opening = { id: b, fleetId, tokenId: 'f'.repeat(16), profile: null, authority: null };
    await store.openBatch(actAt(2), store.runId, opening);
    const [fresh] = (await list({ fleetId, state: 'receiving' })).filter(({ id }) => id === b);
    expect(fresh?.last).toMatchObject({ number: 2, rows: 0, changedAt: minutesAfter(2), endedAt: null });
    await store.recordOutcomes(actAt(3), b, 2, [refusedRow(1), refusedRow(2)]);
    await store.closeAttempt(actAt(4), b, 2, 'complete');
    const [entry] = (await list({ fleetId, state: 'complete' })).filter(({ id }) => id === b);
    expect(entry?.last).toEqual({
      number: 2,
      state: 'complete',
      rows: 2,
      issued: 0,
      replayed: 0,
      refused: 2,
      failed: 0,
      startedAt: minutesAfter(2),
      changedAt: minutesAfter(3),
      endedAt: minutesAfter(4),
    });
    expect(await list({ fleetId, state: 'interrupted' })).toEqual([]);
  });
}
