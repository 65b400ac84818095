import { expect, test } from 'vitest';
import { entriesOf, type Given, newFleet, rejection } from './line.ts';
import { actAt, fresh } from './sample.ts';

export function fleetContract(given: Given): void {
  test('a fleet is found by name and by id as it was created', async () => {
    const wish = {
      name: fresh('fleet'),
      target: 'ota-ce',
      gatewayUrl: 'https://gateway.example:30443',
      gatewayRoot: '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n',
    };
    const fleet = await given.store.createFleet(actAt(), wish);
    const settings = { hardwareId: null, pkcs11Module: null, gatewayTrusts: null, ostreeServer: null };
    expect(fleet).toEqual({ ...wish, settings, id: fleet.id, createdAt: actAt().at });
    expect(await given.store.findFleet(wish.name)).toEqual(fleet);
    expect(await given.store.findFleetById(fleet.id)).toEqual(fleet);
  });

  test('terms replace those of before as a whole, with one entry that says them', async () => {
    const fleet = await newFleet(given.store);
    const settings = {
      hardwareId: 'board-7',
      pkcs11Module: null,
      gatewayTrusts: 'fleet-root',
      ostreeServer: null,
    } as const;
    const terms = { gatewayUrl: 'https://new.example', gatewayRoot: null, settings };
    const entries = await entriesOf(given.store, async () => {
      expect(await given.store.recordFleetTerms(actAt(), fleet.id, terms)).toEqual({ ...fleet, ...terms });
    });
    expect(entries).toMatchObject([
      {
        action: 'fleet-changed',
        fleet: fleet.name,
        details: {
          gatewayUrl: 'https://new.example',
          gatewayRoot: null,
          settings: '{"hardwareId":"board-7","gatewayTrusts":"fleet-root"}',
        },
      },
    ]);
    expect(await given.store.findFleet(fleet.name)).toEqual({ ...fleet, ...terms });
    const back = { gatewayUrl: null, gatewayRoot: null, settings: fleet.settings };
    await given.store.recordFleetTerms(actAt(), fleet.id, back);
    expect(await given.store.findFleetById(fleet.id)).toEqual({ ...fleet, ...back });
  });

  test('the same terms again leave no entry, and those of no fleet are refused as not-found', async () => {
    const fleet = await newFleet(given.store);
    const entries = await entriesOf(given.store, async () => {
      expect(await given.store.recordFleetTerms(actAt(), fleet.id, fleet)).toEqual(fleet);
      const refused = await rejection(given.store.recordFleetTerms(actAt(), 2 ** 40, fleet));
      expect(refused).toMatchObject({ code: 'not-found' });
    });
    expect(entries).toEqual([]);
  });

  test('a fleet that does not exist is not found', async () => {
    expect(await given.store.findFleet(fresh('nobody'))).toBeUndefined();
    expect(await given.store.findFleetById(2 ** 40)).toBeUndefined();
  });

  test('a taken name is refused as already-exists, and leaves neither fleet nor entry', async () => {
    const fleet = await newFleet(given.store);
    const entries = await entriesOf(given.store, async () => {
      expect(await rejection(newFleet(given.store, fleet.name))).toMatchObject({ code: 'already-exists' });
    });
    expect(entries).toEqual([]);
    expect(await given.store.findFleet(fleet.name)).toEqual(fleet);
  });

  test('of fifty at once under one name, one is created', async () => {
    const name = fresh('fleet');
    const failures = await Promise.all(
      Array.from({ length: 50 }, () => rejection(newFleet(given.store, name))),
    );
    expect(failures.filter((failure) => failure === undefined)).toHaveLength(1);
    const refusals = failures.filter((failure) => failure !== undefined);
    expect(refusals.every((failure) => (failure as { code: string }).code === 'already-exists')).toBe(true);
  });

  test('fleets are listed bytewise by name, page by page', async () => {
    const prefix = fresh('list');
    // U+FF5E comes after U+10000 in UTF-16, and before it in octets.
    const names = ['B', 'a', 'a-', 'a0', 'b', '\u00e4', '\uff5e', '\u{10000}'].map(
      (end) => `${prefix}.${end}`,
    );
    for (const name of [...names].reverse()) await newFleet(given.store, name);
    const listed: string[] = [];
    for (let after = `${prefix}.`; ; ) {
      const page = (await given.store.listFleets(after, 3)).filter(({ name }) => name.startsWith(prefix));
      expect(page.length).toBeLessThanOrEqual(3);
      listed.push(...page.map(({ name }) => name));
      const last = page.at(-1);
      if (!last) break;
      after = last.name;
    }
    expect(listed).toEqual(names);
  });

  test('an empty cursor gives the first page', async () => {
    await newFleet(given.store, `!${fresh('first')}`);
    const [first] = await given.store.listFleets('', 1);
    expect(first?.name.startsWith('!')).toBe(true);
  });

  test('a name with U+0000 is refused, and nothing is recorded', async () => {
    const entries = await entriesOf(given.store, async () => {
      expect(await rejection(newFleet(given.store, `${fresh('nul')}\0`))).toMatchObject({
        code: 'bad-request',
      });
    });
    expect(entries).toEqual([]);
  });
}
