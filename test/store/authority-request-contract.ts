import { expect, test } from 'vitest';
import type { NewAuthorityRequest } from '../../src/ca/index.ts';
import {
  entriesOf,
  type Given,
  generationIntent,
  newFleet,
  newGeneration,
  newLine,
  plain,
  rejection,
} from './line.ts';
import { actAt, certificateOf, fresh, freshDigest, minutesAfter } from './sample.ts';

const requested = (fleetId: number, wish: Partial<NewAuthorityRequest> = {}): NewAuthorityRequest => ({
  fleetId,
  authority: 'line-9',
  place: 'first',
  profile: 'issuing',
  keyId: fresh('asked'),
  keyDigest: freshDigest(),
  info: Buffer.from([0x30, 0]),
  ...wish,
});

export function authorityRequestContract(given: Given): void {
  test('a request for an authority is open until a generation of its key is taken in', async () => {
    const { store } = given;
    const { fleet, root } = await newLine(store);
    const request = requested(fleet.id);
    const { place: _, ...kept } = request;
    const due = plain(kept);
    const entries = await entriesOf(store, async () => {
      expect(plain(await store.recordAuthorityRequest(actAt(), request))).toMatchObject(due as object);
    });
    expect(entries).toMatchObject([{ action: 'authority-requested', fleet: fleet.name }]);
    expect(plain(await store.findAuthorityRequest(fleet.id, 'line-9'))).toMatchObject(due as object);
    expect(plain(await store.listAuthorityRequests(fleet.id))).toMatchObject([due]);
    expect(await store.listKeyIds()).toContain(request.keyId);

    const { serial, notBefore, notAfter } = generationIntent(fleet);
    const ceremony = { title: 'a line', custodians: ['Ada'], transcript: 'ab'.repeat(32) };
    const taken = { ...kept, kind: 'issuing', issuerId: root.id, ceremony } as const;
    const told = await entriesOf(store, async () => {
      const generation = await store.recordGenerationImported(actAt(), {
        ...taken,
        place: 'first',
        serial,
        notBefore,
        notAfter,
        certificate: certificateOf(serial),
      });
      expect(generation).toMatchObject({ state: 'active', issuerId: root.id, imported: true });
    });
    expect(told).toMatchObject([{ action: 'generation-imported', details: { ceremony } }]);
    expect(await store.findAuthorityRequest(fleet.id, 'line-9')).toBeUndefined();
    expect(await store.listAuthorityRequests(fleet.id)).toEqual([]);
  });

  test('a second request for an authority, and one under a name that is taken, are refused', async () => {
    const { store } = given;
    const { fleet, root } = await newLine(store);
    await store.recordAuthorityRequest(actAt(), requested(fleet.id));
    const again = () => store.recordAuthorityRequest(actAt(), requested(fleet.id));
    expect(await rejection(again())).toMatchObject({ code: 'already-exists' });
    const named = requested(fleet.id, { authority: root.authority });
    expect(await rejection(store.recordAuthorityRequest(actAt(), named))).toMatchObject({
      code: 'already-exists',
    });
    const next = requested(fleet.id, { authority: 'nobody', place: 'next' });
    expect(await rejection(store.recordAuthorityRequest(actAt(), next))).toMatchObject({ code: 'not-found' });
    const nowhere = requested(1_000_000);
    expect(await rejection(store.recordAuthorityRequest(actAt(), nowhere))).toMatchObject({
      code: 'not-found',
    });
  });

  test('the next generation that is taken in is staged, and none beside another on its way', async () => {
    const { store } = given;
    const fleet = await newFleet(store);
    const root = await newGeneration(store, fleet, {});
    const { tbsDigest: _, profileDigest: __, ...wish } = generationIntent(fleet);
    const next = () => {
      const { serial } = generationIntent(fleet);
      return store.recordGenerationImported(actAt(), {
        ...wish,
        authority: root.authority,
        kind: 'root',
        place: 'next',
        ceremony: null,
        serial,
        keyId: fresh('next'),
        keyDigest: freshDigest(),
        certificate: certificateOf(serial),
        notAfter: minutesAfter(1_000_000),
      });
    };
    expect(await next()).toMatchObject({ state: 'staged', number: 2 });
    expect(await rejection(next())).toMatchObject({ code: 'rotation-refused' });
  });
}
