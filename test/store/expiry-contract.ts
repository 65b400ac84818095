import { expect, test } from 'vitest';
import { type Given, newGeneration, newLine } from './line.ts';
import { actAt, fresh, minutesAfter } from './sample.ts';

export function expiryContract(given: Given): void {
  test('what ends within a time is counted, without what was revoked or given up', async () => {
    const { store } = given;
    const { fleet, root, row, issue, intend } = await newLine(store);
    const other = await newGeneration(store, fleet, {
      authority: 'line-7',
      kind: 'issuing',
      issuerId: root.id,
    });
    const ending = (minutes: number, issuerId = root.id) =>
      row(fresh('device'), { issuerId, notAfter: minutesAfter(minutes) });
    const revoked = await issue(ending(100));
    await store.markRevoked(actAt(1), revoked.fingerprint, 'superseded');
    for (const minutes of [99, 100, 150, 200]) await issue(ending(minutes));
    await issue(ending(150, other.id));
    await store.abandonIntents(actAt(1), store.runId, [await intend(ending(150))]);
    const count = (from: number, before: number, issuerId = root.id) =>
      store.countExpiring(issuerId, minutesAfter(from), minutesAfter(before));
    expect([
      await count(100, 200),
      await count(100, 201),
      await count(0, 100),
      await count(300, 400),
    ]).toEqual([2, 3, 1, 0]);
    expect(await count(0, 1000, other.id)).toBe(1);
  });

  test('a line is read as a move would be judged by it', async () => {
    const { store } = given;
    const { fleet, root, row, issue } = await newLine(store);
    const next = await newGeneration(store, fleet, { place: 'next' });
    const { notAfter } = await issue(row(fresh('device')));
    expect(await store.readLine(fleet.id, 'root', actAt(5).at)).toMatchObject([
      { id: root.id, number: 1, state: 'active', wasActive: true, lastValid: notAfter },
      { id: next.id, number: 2, state: 'staged', wasActive: false, lastValid: null },
    ]);
  });
}
