import { expect, test } from 'vitest';
import { encodeBitString, encodeSequence, encodeSmallInteger } from '../../src/asn1/index.ts';
import { type ListIntent, lastListEnd } from '../../src/ca/index.ts';
import { hierarchy } from '../support/hierarchy.ts';
import {
  entriesOf,
  type Given,
  generationIntent,
  newGeneration,
  newLine,
  rejection,
  type StoreUnderTest,
} from './line.ts';
import { actAt, minutesAfter, NOON, sha256 } from './sample.ts';

const TERMS = { publishHours: 0 };
const YEAR = 365 * 24 * 60;

/** An authority `old` whose certificate is a real one, under the line's root, retired. */
export async function newRetired(store: StoreUnderTest) {
  const line = await newLine(store);
  const { certificate } = await hierarchy(NOON).authority('generic', 'fleet-root', 'old', 'ec-p256');
  const wish = { authority: 'old', kind: 'issuing', profile: 'issuing', issuerId: line.root.id } as const;
  const { serial, tbs, der } = certificate;
  const { generationId } = await store.recordGenerationIntent(
    actAt(),
    store.runId,
    generationIntent(line.fleet, { ...wish, serial, tbsDigest: sha256(tbs) }),
  );
  const old = await store.recordGenerationIssued(actAt(), store.runId, generationId, der, 'first');
  const of = { fleetId: line.fleet.id, authority: 'old', number: 1 };
  const leaf = await line.issue(line.row('last', { issuerId: old.id, notAfter: minutesAfter(60) }));
  await store.markRevoked(actAt(), leaf.fingerprint, 'superseded');
  await newGeneration(store, line.fleet, { ...wish, place: 'next' });
  for (const [move, number] of [
    ['publish', 2],
    ['activate', 2],
    ['retire', 1],
  ] as const)
    await store.moveGeneration(actAt(), { ...of, number, move, forced: null, terms: TERMS });
  const intent = async (wished: Partial<ListIntent> = {}): Promise<ListIntent> => {
    const { lastNumber, lastRevocation } = await store.findListState(old.id);
    return {
      issuerId: old.id,
      number: lastNumber + 1,
      after: lastNumber,
      thisUpdate: minutesAfter(0),
      nextUpdate: lastListEnd(old, await store.findLastEnd(old.id)),
      covers: lastRevocation,
      entries: 1,
      tbsDigest: sha256(tbsOf(lastNumber + 1)),
      ...wished,
    };
  };
  const complete = (number: number) =>
    store.recordListIssued(actAt(), store.runId, old.id, number, crlOf(number));
  const publish = async (wished: Partial<ListIntent> = {}): Promise<void> => {
    const due = await intent(wished);
    await store.recordListIntent(actAt(), store.runId, due);
    await complete(due.number);
  };
  return { ...line, old, of, intent, complete, publish };
}

const tbsOf = (number: number): Uint8Array => encodeSequence(encodeSmallInteger(number));
const crlOf = (number: number): Uint8Array =>
  encodeSequence(tbsOf(number), encodeSequence(), encodeBitString(tbsOf(number)));

export function destructionContract(given: Given): void {
  test('a key is given up, signs its last CRL, and is destroyed, each with an entry', async () => {
    const { store } = given;
    const { old, of, publish } = await newRetired(store);
    const entries = await entriesOf(store, async () => {
      expect(await store.giveUpKey(actAt(1), of, 'no need of it')).toMatchObject({ key: 'given-up' });
      // The same again changes nothing, and leaves no entry.
      expect(await store.giveUpKey(actAt(2), of, 'again')).toMatchObject({ id: old.id, key: 'given-up' });
      await publish();
      expect(await store.findListState(old.id)).toMatchObject({ isSealed: true });
      expect(await store.recordDestroyed(actAt(3), old.id)).toMatchObject({ key: 'destroyed' });
      expect(await store.recordDestroyed(actAt(4), old.id)).toMatchObject({ key: 'destroyed' });
    });
    expect(entries.map(({ action, details }) => [action, details])).toEqual([
      ['generation-given-up', { authority: 'old', generation: 1, id: old.id, reason: 'no need of it' }],
      ['crl-intent-recorded', expect.anything()],
      ['crl-issued', expect.anything()],
      ['generation-destroyed', { authority: 'old', generation: 1, id: old.id, lastCrl: 1 }],
    ]);
    const all = await store.listGenerations(of.fleetId);
    expect(all.map(({ key }) => key)).toEqual(['kept', 'destroyed', 'kept']);
  });

  test('only what is retired, or compromised and withdrawn, is given up, and nothing leads back', async () => {
    const { store } = given;
    const { old, of, publish } = await newRetired(store);
    for (const other of [
      { ...of, number: 2 },
      { ...of, authority: 'root' },
    ])
      expect(await rejection(store.giveUpKey(actAt(), other, 'x'))).toMatchObject({
        code: 'rotation-refused',
      });
    for (const none of [
      { ...of, number: 9 },
      { ...of, authority: 'none' },
    ])
      expect(await rejection(store.giveUpKey(actAt(), none, 'x'))).toMatchObject({ code: 'not-found' });
    expect(await rejection(store.recordDestroyed(actAt(), old.id))).toMatchObject({
      message: expect.stringContaining('was not given up'),
    });
    await store.giveUpKey(actAt(), of, 'x');
    const back = () =>
      store.moveGeneration(actAt(), { ...of, move: 'roll-back', forced: null, terms: TERMS });
    expect(await rejection(back())).toMatchObject({ code: 'rotation-refused' });
    // It has to have its last CRL first.
    expect(await rejection(store.recordDestroyed(actAt(), old.id))).toMatchObject({
      message: expect.stringContaining('has no last CRL'),
    });
    await publish();
    await store.recordDestroyed(actAt(), old.id);
    expect(await rejection(back())).toMatchObject({ code: 'rotation-refused' });
    // Somebody may have copied the key before: that it is compromised can still be said.
    const compromise = { ...of, reason: 'x', withdrawal: 'now', confirmed: 0, under: [old.id] } as const;
    const counted = { devices: 0, through: 0 };
    expect(await store.compromiseGeneration(actAt(), { ...compromise, counted })).toMatchObject({
      state: 'compromised',
      withdrawn: true,
      key: 'destroyed',
    });
  });

  test('a last CRL outlives all that its issuer signed, and the issuer, and none follows it', async () => {
    const { store } = given;
    const { old, of, row, intend, intent, complete, publish } = await newRetired(store);
    expect(await store.findLastEnd(old.id)).toEqual(minutesAfter(60));
    await publish({ nextUpdate: minutesAfter(30) });
    await store.giveUpKey(actAt(), of, 'x');
    expect(await store.findListState(old.id)).toMatchObject({ isSealed: false });
    const record = async (wish: Partial<ListIntent> = {}) =>
      store.recordListIntent(actAt(), store.runId, await intent(wish));
    // As upkeep would make it, which began before the key was given up.
    expect(await rejection(record({ nextUpdate: minutesAfter(24 * 60) }))).toMatchObject({ code: 'busy' });
    const end = lastListEnd(old, null);
    const short = new Date(end.getTime() - 1000);
    expect(await rejection(record({ nextUpdate: short }))).toMatchObject({ code: 'busy' });
    // Two at a time: one of them is the last.
    await record({ nextUpdate: end });
    await record({ nextUpdate: end });
    await complete(2);
    expect(await rejection(complete(3))).toMatchObject({ code: 'busy' });
    expect(await rejection(record())).toMatchObject({ code: 'busy' });
    await store.recordDestroyed(actAt(), old.id);
    expect(await rejection(record())).toMatchObject({ code: 'crl-not-possible' });
    const due = await intent();
    const imported = store.recordListImported(actAt(), store.runId, due, crlOf(due.number), null);
    expect(await rejection(imported)).toMatchObject({ code: 'crl-not-possible' });
    expect(await store.findList(old.id)).toMatchObject({ number: 2, nextUpdate: end });
    // Nor is anything issued.
    expect(await rejection(intend(row('late', { issuerId: old.id })))).toBeDefined();
  });

  test('a certificate that outlives its issuer makes the last CRL hold for longer', async () => {
    const { store } = given;
    const { old } = await newRetired(store);
    const late = minutesAfter(90 * YEAR);
    expect(lastListEnd(old, late).getTime()).toBeGreaterThan(late.getTime());
  });
}
