import { expect, test } from 'vitest';
import type { GenerationImport } from '../../src/ca/index.ts';
import { PkiError } from '../../src/errors.ts';
import {
  entriesOf,
  type Given,
  generationIntent,
  newFleet,
  newGeneration,
  newLine,
  rejection,
} from './line.ts';
import { actAt, certificateOf, fresh, freshDigest, freshSerial, hex, minutesAfter } from './sample.ts';

const imported = (fleetId: number, wish: Partial<GenerationImport> = {}): GenerationImport => {
  const serial = freshSerial();
  return {
    fleetId,
    place: 'first',
    issuerId: null,
    ceremony: null,
    authority: 'root',
    kind: 'root',
    profile: 'imported',
    keyId: fresh('imported'),
    keyDigest: freshDigest(),
    serial,
    certificate: certificateOf(serial),
    notBefore: minutesAfter(-1000),
    notAfter: minutesAfter(1_000_000),
    ...wish,
  };
};

export function generationContract(given: Given): void {
  test('a generation is there when its certificate is, and not before', async () => {
    const { store } = given;
    const fleet = await newFleet(store);
    const intent = generationIntent(fleet);
    const { generationId } = await store.recordGenerationIntent(actAt(), store.runId, intent);
    expect(await store.findGeneration(generationId)).toBeUndefined();
    expect(await store.listGenerations(fleet.id)).toEqual([]);

    const der = certificateOf(intent.serial);
    const generation = await store.recordGenerationIssued(actAt(1), store.runId, generationId, der, 'first');
    expect(generation).toMatchObject({
      id: generationId,
      fleetId: fleet.id,
      authority: 'root',
      kind: 'root',
      number: 1,
      state: 'active',
      profile: 'root',
      keyId: intent.keyId,
      issuerId: generationId,
      imported: false,
      createdAt: actAt().at,
    });
    expect(hex(generation.certificate)).toBe(hex(der));
    expect(await store.findGeneration(generationId)).toEqual(generation);
    expect(await store.listGenerations(fleet.id)).toEqual([generation]);
  });

  test('generations are listed oldest first, each under its issuer', async () => {
    const { fleet, root } = await newLine(given.store);
    const line = await newGeneration(given.store, fleet, {
      authority: 'line-7',
      kind: 'issuing',
      issuerId: root.id,
    });
    const first = await newGeneration(given.store, fleet, {
      authority: 'a-first',
      kind: 'issuing',
      issuerId: root.id,
    });
    expect(line.issuerId).toBe(root.id);
    const listed = await given.store.listGenerations(fleet.id);
    expect(listed.map(({ id }) => id)).toEqual([root.id, line.id, first.id]);
  });

  test('the keys of all generations are listed, also of one that has no certificate yet', async () => {
    const { fleet, root } = await newLine(given.store);
    const open = generationIntent(fleet, { authority: 'line-8', kind: 'issuing', issuerId: root.id });
    await given.store.recordGenerationIntent(actAt(), given.store.runId, open);
    const listed = await given.store.listKeyIds();
    expect(listed).toEqual(expect.arrayContaining([root.keyId, open.keyId]));
    expect(listed).toEqual([...listed].sort());
  });

  test('the name of an authority that has a certificate is already-exists', async () => {
    const { fleet, root } = await newLine(given.store);
    const again = generationIntent(fleet, { kind: 'issuing', issuerId: root.id });
    const entries = await entriesOf(given.store, async () => {
      expect(
        await rejection(given.store.recordGenerationIntent(actAt(), given.store.runId, again)),
      ).toMatchObject({ code: 'already-exists' });
      expect(
        await rejection(given.store.recordGenerationImported(actAt(), imported(fleet.id))),
      ).toMatchObject({ code: 'already-exists' });
    });
    expect(entries).toEqual([]);
    // Nothing of the refused one stays: its key is free for a device.
    expect(await given.store.listGenerations(fleet.id)).toHaveLength(1);
    const other = await newLine(given.store);
    await other.issue(other.row('dev-1', { keyDigest: again.keyDigest }));
  });

  test('a second root is already-exists, whatever its name', async () => {
    const { fleet } = await newLine(given.store);
    const second = generationIntent(fleet, { authority: 'root-2' });
    expect(
      await rejection(given.store.recordGenerationIntent(actAt(), given.store.runId, second)),
    ).toMatchObject({ code: 'already-exists' });
  });

  test('of two that were under way for one name, one becomes the authority', async () => {
    const { store } = given;
    const fleet = await newFleet(store);
    const intents = [generationIntent(fleet), generationIntent(fleet)];
    const ids: number[] = [];
    const failures: unknown[] = [];
    for (const intent of intents) {
      try {
        ids.push((await store.recordGenerationIntent(actAt(), store.runId, intent)).generationId);
      } catch (failure) {
        failures.push(failure);
      }
    }
    for (const [i, id] of ids.entries()) {
      const der = certificateOf(intents[i]?.serial ?? freshSerial());
      const failure = await rejection(store.recordGenerationIssued(actAt(), store.runId, id, der, 'first'));
      if (failure) failures.push(failure);
    }
    expect(failures).toHaveLength(1);
    expect(failures[0]).toMatchObject({ code: 'already-exists' });
    expect(await store.listGenerations(fleet.id)).toHaveLength(1);
  });

  test('a key of another authority, of any fleet, is key-of-a-ca', async () => {
    const [here, there] = [await newFleet(given.store), await newFleet(given.store)];
    const intent = generationIntent(here);
    await given.store.recordGenerationIntent(actAt(), given.store.runId, intent);
    const { keyDigest } = intent;
    expect(
      await rejection(
        given.store.recordGenerationIntent(
          actAt(),
          given.store.runId,
          generationIntent(there, { keyDigest }),
        ),
      ),
    ).toMatchObject({ code: 'key-of-a-ca' });
    expect(
      await rejection(given.store.recordGenerationImported(actAt(), imported(there.id, { keyDigest }))),
    ).toMatchObject({ code: 'key-of-a-ca' });
    expect(await given.store.listGenerations(there.id)).toEqual([]);
  });

  test("a device's key, of any fleet, is key-of-another-device", async () => {
    const line = await newLine(given.store);
    const row = line.row('dev-1');
    await line.issue(row);
    const { keyDigest } = row;
    const other = await newFleet(given.store);
    expect(
      await rejection(
        given.store.recordGenerationIntent(
          actAt(),
          given.store.runId,
          generationIntent(other, { keyDigest }),
        ),
      ),
    ).toMatchObject({ code: 'key-of-another-device' });
    expect(
      await rejection(given.store.recordGenerationImported(actAt(), imported(other.id, { keyDigest }))),
    ).toMatchObject({ code: 'key-of-another-device' });
  });

  test('a generation is completed once, by the run that intended it', async () => {
    const { store } = given;
    const fleet = await newFleet(store);
    const intent = generationIntent(fleet);
    const der = certificateOf(intent.serial);
    const { generationId } = await store.recordGenerationIntent(actAt(), store.runId, intent);
    const entries = await entriesOf(store, async () => {
      expect(
        await rejection(store.recordGenerationIssued(actAt(), fresh('run'), generationId, der, 'first')),
      ).toBeInstanceOf(Error);
      expect(
        await rejection(store.recordGenerationIssued(actAt(), store.runId, 2 ** 40, der, 'first')),
      ).toBeInstanceOf(Error);
    });
    expect(entries).toEqual([]);
    expect(await store.findGeneration(generationId)).toBeUndefined();
    await store.recordGenerationIssued(actAt(), store.runId, generationId, der, 'first');
    const twice = await rejection(
      store.recordGenerationIssued(actAt(), store.runId, generationId, der, 'first'),
    );
    expect(twice).toBeInstanceOf(Error);
    expect(await store.listGenerations(fleet.id)).toHaveLength(1);
  });

  test('an imported generation is active at once, and its own issuer', async () => {
    const fleet = await newFleet(given.store);
    const wish = imported(fleet.id, { authority: 'old-root' });
    const generation = await given.store.recordGenerationImported(actAt(), wish);
    expect(generation).toMatchObject({
      authority: 'old-root',
      state: 'active',
      imported: true,
      number: 1,
      issuerId: generation.id,
      keyId: wish.keyId,
    });
    expect(hex(generation.certificate)).toBe(hex(wish.certificate));
    expect(await given.store.listGenerations(fleet.id)).toEqual([generation]);
  });

  test('a generation is not intended by a clock that ran behind the last intent', async () => {
    const line = await newLine(given.store);
    await line.intend(line.row('dev-1'));
    const fleet = await newFleet(given.store);
    const intent = generationIntent(fleet);
    const failure = await rejection(
      given.store.recordGenerationIntent(actAt(-60), given.store.runId, intent),
    );
    expect(failure).toMatchObject({ code: 'clock-behind' });
  });

  test('a key id that is taken rejects as a defect', async () => {
    const [here, there] = [await newFleet(given.store), await newFleet(given.store)];
    const { keyId } = await newGeneration(given.store, here);
    const failure = await rejection(newGeneration(given.store, there, { keyId }));
    expect(failure).toBeInstanceOf(Error);
    expect(failure).not.toBeInstanceOf(PkiError);
  });
}
