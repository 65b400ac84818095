import { expect, test } from 'vitest';
import type { Move } from '../../src/ca/index.ts';
import { entriesOf, type Given, newGeneration, newLine, rejection } from './line.ts';
import { actAt, fresh } from './sample.ts';

const TERMS = { publishHours: 24 };
const DAY = 24 * 60;

export function rotationContract(given: Given): void {
  const setUp = async () => {
    const { store } = given;
    const { fleet, root: first, row, issue } = await newLine(store);
    const next = await newGeneration(store, fleet, { place: 'next' });
    const move = (name: Move, number: number, minutes: number, forced: string | null = null) =>
      store.moveGeneration(actAt(minutes), {
        fleetId: fleet.id,
        authority: 'root',
        number,
        move: name,
        forced,
        terms: TERMS,
      });
    const states = async () =>
      (await store.listGenerations(fleet.id)).map(({ number, state }) => [number, state]);
    const issueOne = (issuer = first) => issue(row(fresh('device'), { issuerId: issuer.id }));
    return { store, fleet, first, next, move, states, issueOne };
  };

  test('the first generation is active, the next is staged, and another has to wait', async () => {
    const { store, fleet, first, next } = await setUp();
    expect([first.state, next.state, next.number]).toEqual(['active', 'staged', 2]);
    expect(await store.nextGeneration(fleet.id, 'root')).toBe(3);
    const third = await rejection(newGeneration(store, fleet, { place: 'next' }));
    expect(third).toMatchObject({ code: 'rotation-refused' });
    const nowhere = await rejection(newGeneration(store, fleet, { place: 'next', authority: 'none' }));
    expect(nowhere).toMatchObject({ code: 'not-found' });
  });

  test('a move changes all that it is about, with one entry, and the line tells of it', async () => {
    const { store, fleet, first, next, move, states } = await setUp();
    await move('publish', 2, 1);
    expect(await rejection(move('activate', 2, 2))).toMatchObject({ code: 'rotation-refused' });
    const entries = await entriesOf(store, () => move('activate', 2, 2, 'loaded by hand'));
    expect(entries.map(({ action, details }) => [action, details])).toEqual([
      [
        'generation-moved',
        {
          authority: 'root',
          generation: 2,
          move: 'activate',
          forced: 'loaded by hand',
          changes: [
            { generation: first.id, from: 'active', to: 'draining' },
            { generation: next.id, from: 'published', to: 'active' },
          ],
        },
      ],
    ]);
    expect(await states()).toEqual([
      [1, 'draining'],
      [2, 'active'],
    ]);
    const moves = await store.listMoves(fleet.id, 'root');
    expect(
      moves.map(({ generation, move: name, from, to, forced }) => [generation, name, from, to, forced]),
    ).toEqual([
      [2, 'publish', 'staged', 'published', null],
      [1, 'activate', 'active', 'draining', 'loaded by hand'],
      [2, 'activate', 'published', 'active', 'loaded by hand'],
    ]);
    expect(moves[0]?.at).toEqual(actAt(1).at);
    await move('roll-back', 2, 3);
    expect(await states()).toEqual([
      [1, 'active'],
      [2, 'published'],
    ]);
  });

  test('it issues when its gateway and, of a root, all servers have it, since it was published', async () => {
    const { store, fleet, next, move, states } = await setUp();
    const terms = {
      gatewayUrl: 'https://gateway.example.com:8000',
      gatewayRoot: null,
      settings: fleet.settings,
    };
    await store.recordFleetTerms(actAt(), fleet.id, terms);
    const production = await store.recordServer(actAt(), {
      fleetId: fleet.id,
      name: 'production',
      kind: 'ota-connect',
    });
    const acknowledge = (gateway: string, minutes: number) =>
      store.acknowledgeGeneration(actAt(minutes), {
        ...{ fleetId: fleet.id, authority: 'root', number: 2, gateway, way: 'word', word: 'seen there' },
      });
    const awaited = async () =>
      (await store.listGateways(fleet.id, 'root')).map(({ gateway, acknowledged }) => [
        gateway,
        acknowledged?.word ?? null,
      ]);
    expect(await rejection(acknowledge('gateway.example.com:8000', 1))).toMatchObject({
      code: 'rotation-refused',
    });
    await move('publish', 2, 1);
    expect(await rejection(acknowledge('elsewhere', 1))).toMatchObject({ code: 'not-found' });
    await acknowledge('gateway.example.com:8000', 2);
    expect(await awaited()).toEqual([
      ['gateway.example.com:8000', 'seen there'],
      ['production', null],
    ]);
    expect(await rejection(move('activate', 2, DAY + 2))).toMatchObject({
      code: 'rotation-refused',
      message: expect.stringContaining('not acknowledged by production'),
    });
    await move('roll-back', 2, 3);
    await move('publish', 2, 4);
    await store.recordRootState(actAt(4), production.id, next.id, {
      state: 'confirmed',
      note: 'mail of today',
    });
    expect(await awaited()).toEqual([
      ['gateway.example.com:8000', null],
      ['production', 'mail of today'],
    ]);
    await acknowledge('gateway.example.com:8000', 5);
    await move('activate', 2, DAY + 4);
    expect(await states()).toEqual([
      [1, 'draining'],
      [2, 'active'],
    ]);
  });

  test('time in the bundle counts from when it was put there', async () => {
    const { move, states } = await setUp();
    await move('publish', 2, 1);
    await move('roll-back', 2, 2);
    await move('publish', 2, DAY);
    expect(await rejection(move('activate', 2, 2 * DAY - 1))).toMatchObject({ code: 'rotation-refused' });
    await move('activate', 2, 2 * DAY);
    expect(await states()).toEqual([
      [1, 'draining'],
      [2, 'active'],
    ]);
  });

  test('a generation is not retired while a certificate under it stands, and one that is retired issues nothing', async () => {
    const { store, move, issueOne } = await setUp();
    const certificate = await issueOne();
    await move('publish', 2, 1);
    await move('activate', 2, 2, 'test');
    // Prepared while it was active, recorded when it is not: it is trusted still.
    const late = await issueOne();
    expect(await rejection(move('retire', 1, 3))).toMatchObject({ code: 'rotation-refused' });
    for (const { fingerprint } of [certificate, late])
      await store.markRevoked(actAt(4), fingerprint, 'superseded');
    await move('retire', 1, 5);
    expect(await rejection(issueOne())).toMatchObject({ code: 'busy' });
  });

  test('what was prepared under a generation that is taken back before it is recorded is asked for again', async () => {
    const { move, issueOne, next } = await setUp();
    await move('publish', 2, 1);
    await move('activate', 2, 2, 'test');
    await move('roll-back', 2, 3);
    expect(await rejection(issueOne(next))).toMatchObject({ code: 'busy' });
  });

  test('that a generation is about to end is put on record once for each number of days, and none after a smaller one', async () => {
    const { store, first } = await setUp();
    const notAfter = actAt(9).at;
    const entries = await entriesOf(store, async () => {
      const told = [];
      for (const withinDays of [90, 90, 7, 30, 7])
        told.push(await store.recordAuthorityExpiring(actAt(1), { generation: first, withinDays, notAfter }));
      expect(told).toEqual([true, false, true, false, false]);
    });
    expect(entries.map(({ action, details }) => [action, details.withinDays, details.state])).toEqual([
      ['authority-expiring', 90, 'active'],
      ['authority-expiring', 7, 'active'],
    ]);
  });

  test('what is retired comes back when the root above it is in the trust bundle, and not before', async () => {
    const { store, fleet, first, next, move } = await setUp();
    const line = { authority: 'line-7', kind: 'issuing', profile: 'issuing' } as const;
    const ofLine = (name: Move, number: number) =>
      store.moveGeneration(actAt(9), {
        ...{ fleetId: fleet.id, authority: 'line-7', number, move: name, forced: 'test', terms: TERMS },
      });
    await newGeneration(store, fleet, { ...line, issuerId: first.id });
    for (const step of ['publish', 'activate'] satisfies Move[]) await move(step, 2, 1, 'test');
    await newGeneration(store, fleet, { ...line, issuerId: next.id, place: 'next' });
    for (const step of ['publish', 'activate'] satisfies Move[]) await ofLine(step, 2);
    await ofLine('retire', 1);
    await move('retire', 1, 9);
    expect(await rejection(ofLine('roll-back', 1))).toMatchObject({
      code: 'rotation-refused',
      message: expect.stringContaining('The root above generation 1 is out of the trust bundle'),
    });
    await move('roll-back', 1, 9);
    expect(await ofLine('roll-back', 1)).toMatchObject({ state: 'draining' });
  });

  test('that a rotation is due is put on record once for each urgency, with its entry', async () => {
    const { store, first } = await setUp();
    const due = (urgency: 'soon' | 'late') => ({ generation: first, urgency, latestStart: actAt(9).at });
    const entries = await entriesOf(store, async () => {
      const told = [];
      for (const urgency of ['soon', 'soon', 'late', 'late'] as const)
        told.push(await store.recordRotationDue(actAt(1), due(urgency)));
      expect(told).toEqual([true, false, true, false]);
    });
    expect(entries.map(({ action, details }) => [action, details.urgency, details.generation])).toEqual([
      ['rotation-due', 'soon', first.id],
      ['rotation-due', 'late', first.id],
    ]);
  });
}
