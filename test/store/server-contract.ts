import { expect, test } from 'vitest';
import type { PossessionIntent } from '../../src/ca/index.ts';
import { entriesOf, type Given, newFleet, newGeneration, rejection } from './line.ts';
import { actAt, freshDigest, freshSerial, hex } from './sample.ts';

export function serverContract(given: Given): void {
  test('a server is found and listed in its fleet alone, in order of name, and its name is taken there', async () => {
    const { store } = given;
    const [here, there] = [await newFleet(store), await newFleet(store)];
    const add = (fleetId: number, name: string) =>
      store.recordServer(actAt(), { fleetId, name, kind: 'ota-connect' });
    const production = await add(here.id, 'production');
    await add(here.id, 'old');
    expect(production).toMatchObject({
      name: 'production',
      kind: 'ota-connect',
      roots: [],
      createdAt: actAt().at,
    });
    expect(await store.findServer(here.id, 'production')).toEqual(production);
    expect(await store.findServer(there.id, 'production')).toBeUndefined();
    expect((await store.listServers(here.id, '', 9)).map(({ name }) => name)).toEqual(['old', 'production']);
    expect(await store.listServers(here.id, 'old', 9)).toEqual([production]);
    expect(await rejection(add(here.id, 'old'))).toMatchObject({ code: 'already-exists' });
    await add(there.id, 'old');
  });

  test('the last that was said of a root counts, with who said it; the same again is no entry', async () => {
    const { store } = given;
    const fleet = await newFleet(store);
    const root = await newGeneration(store, fleet);
    const { id } = await store.recordServer(actAt(), { fleetId: fleet.id, name: 's', kind: 'aws-iot' });
    const say = (state: 'handed-over' | 'confirmed', note: string | null) =>
      store.recordRootState(actAt(), id, root.id, { state, note });
    const entries = await entriesOf(store, async () => {
      await say('handed-over', 'ticket 7');
      await say('handed-over', 'ticket 7');
      await say('confirmed', null);
    });
    expect(entries.map(({ action, fleet, details }) => [action, fleet, details])).toEqual(
      [
        { server: 's', generation: root.id, state: 'handed-over', note: 'ticket 7' },
        { server: 's', generation: root.id, state: 'confirmed', note: null },
      ].map((details) => ['server-root-recorded', fleet.name, details]),
    );
    const { at, actor } = actAt();
    const said = {
      generationId: root.id,
      state: 'confirmed',
      note: null,
      changedAt: at,
      changedBy: actor.id,
    };
    expect((await store.findServer(fleet.id, 's'))?.roots).toEqual([said]);
  });

  test('what is about to be signed is an entry, and makes a root prepared of which nothing was said', async () => {
    const { store } = given;
    const fleet = await newFleet(store);
    const root = await newGeneration(store, fleet);
    const { id } = await store.recordServer(actAt(), { fleetId: fleet.id, name: 's', kind: 'aws-iot' });
    const intent: PossessionIntent = {
      serverId: id,
      generationId: root.id,
      form: 'certificate',
      code: 'a code',
      serial: freshSerial(),
      digest: freshDigest(),
    };
    const [entry, ...more] = await entriesOf(store, () => store.recordPossessionIntent(actAt(), intent));
    expect(more.map(({ action }) => action)).toEqual(['server-root-recorded']);
    expect(entry).toMatchObject({
      action: 'possession-intent-recorded',
      fleet: fleet.name,
      details: {
        server: 's',
        form: 'certificate',
        code: 'a code',
        serial: hex(intent.serial ?? intent.digest),
        digest: hex(intent.digest),
      },
    });
    const stateNow = async () => (await store.findServer(fleet.id, 's'))?.roots.map(({ state }) => state);
    expect(await stateNow()).toEqual(['prepared']);
    await store.recordRootState(actAt(), id, root.id, { state: 'confirmed', note: null });
    await store.recordPossessionIntent(actAt(), { ...intent, form: 'request', code: null, serial: null });
    expect(await stateNow()).toEqual(['confirmed']);
  });
}
