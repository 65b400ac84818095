import { expect, test } from 'vitest';
import { encodeBitString, encodeSequence, encodeSmallInteger } from '../../src/asn1/index.ts';
import type { IntentRow, ListIntent, RevocationQuery } from '../../src/ca/index.ts';
import { entriesOf, type Given, type Line, newLine, plain, rejection, type StoreUnderTest } from './line.ts';
import { actAt, freshDigest, hex, minutesAfter, sha256 } from './sample.ts';

const NOTHING = new Uint8Array(0);

/** A CRL as far as a ledger looks at one. */
const crlOf = (tbs: Uint8Array): Uint8Array => encodeSequence(tbs, encodeSequence(), encodeBitString(tbs));

const tbsOf = (number: number): Uint8Array => encodeSequence(encodeSmallInteger(number));

async function intentOn(
  store: StoreUnderTest,
  issuerId: number,
  wish: Partial<ListIntent> = {},
): Promise<ListIntent> {
  const { lastNumber, lastRevocation } = await store.findListState(issuerId);
  const number = wish.number ?? lastNumber + 1;
  return {
    issuerId,
    number,
    after: lastNumber,
    thisUpdate: minutesAfter(0),
    nextUpdate: minutesAfter(60),
    covers: lastRevocation,
    entries: 0,
    tbsDigest: sha256(tbsOf(number)),
    ...wish,
  };
}

async function publish(store: StoreUnderTest, issuerId: number, wish: Partial<ListIntent> = {}) {
  const intent = await intentOn(store, issuerId, wish);
  await store.recordListIntent(actAt(), store.runId, intent);
  await store.recordListIssued(actAt(), store.runId, issuerId, intent.number, crlOf(tbsOf(intent.number)));
  return intent;
}

const revoke = (store: StoreUnderTest, line: Line, fingerprints: readonly Uint8Array[], minutes = 0) =>
  store.revokeCertificates(actAt(minutes), {
    fleetId: line.fleet.id,
    of: { device: 'dev' },
    fingerprints,
    reason: 'keyCompromise',
  });

const issueMany = async (line: Line, count: number, wish: Partial<IntentRow> = {}) => {
  const issued = [];
  for (let i = 0; i < count; i++) issued.push(await line.issue(line.row(`dev-${i}`, wish)));
  return issued;
};

const serialsOf = async (store: StoreUnderTest, query: Partial<RevocationQuery> & { issuerId: number }) => {
  const all = { through: Number.MAX_SAFE_INTEGER, before: null, ...query };
  return (await store.listRevocations(all, NOTHING, 100)).map(({ serial }) => hex(serial));
};

const sorted = (serials: readonly Uint8Array[]): readonly string[] => serials.map(hex).sort();

export function revocationContract(given: Given): void {
  test('a CRL that was signed elsewhere is published at once, and its number grows', async () => {
    const { store } = given;
    const line = await newLine(store);
    const issuerId = line.root.id;
    const ceremony = { title: 'a list', custodians: ['Ada'], transcript: 'ab'.repeat(32) };
    const intent = await intentOn(store, issuerId, { number: 7 });
    const der = crlOf(tbsOf(7));
    const entries = await entriesOf(store, async () => {
      await store.recordListImported(actAt(), store.runId, intent, der, ceremony);
    });
    expect(entries).toMatchObject([
      { action: 'crl-intent-recorded' },
      { action: 'crl-issued', details: { number: 7, ceremony } },
    ]);
    expect(plain(await store.findList(issuerId))).toMatchObject({ number: 7, der: plain(der) });
    const again = () => store.recordListImported(actAt(), store.runId, { ...intent, after: 7 }, der, null);
    expect(await rejection(again())).toMatchObject({ code: 'busy' });
  });

  test('certificates are revoked together, with one entry, and those that are keep their mark', async () => {
    const { store } = given;
    const line = await newLine(store);
    const issued = await issueMany(line, 3);
    const [first, ...others] = issued.map(({ fingerprint }) => fingerprint) as [Uint8Array, ...Uint8Array[]];
    await store.markRevoked(actAt(), first, 'superseded');
    const entries = await entriesOf(store, async () => {
      expect(await revoke(store, line, [first, ...others, first], 1)).toBe(2);
      expect(await revoke(store, line, [first, ...others], 2)).toBe(0);
      expect(await revoke(store, line, [], 2)).toBe(0);
    });
    expect(entries).toMatchObject([
      {
        action: 'certificates-revoked',
        fleet: line.fleet.name,
        details: { device: 'dev', reason: 'keyCompromise', revoked: 2 },
      },
    ]);
    const marks = await Promise.all(issued.map(({ fingerprint }) => store.findCertificate(fingerprint)));
    expect(marks.map((one) => [one?.revokedAt, one?.revocationReason])).toEqual([
      [minutesAfter(0), 'superseded'],
      [minutesAfter(1), 'keyCompromise'],
      [minutesAfter(1), 'keyCompromise'],
    ]);
  });

  test('of certificates of which one is another fleet’s, or unknown, none is revoked', async () => {
    const { store } = given;
    const [line, other] = [await newLine(store), await newLine(store)];
    const [own] = await issueMany(line, 1);
    const [foreign] = await issueMany(other, 1);
    for (const stranger of [foreign?.fingerprint ?? NOTHING, freshDigest()]) {
      const attempt = revoke(store, line, [own?.fingerprint ?? NOTHING, stranger]);
      expect(await rejection(attempt)).toMatchObject({ code: 'not-found' });
    }
    expect(await serialsOf(store, { issuerId: line.root.id })).toEqual([]);
  });

  test('what is revoked is listed by serial, page by page, whichever way it was revoked', async () => {
    const { store } = given;
    const line = await newLine(store);
    const issued = await issueMany(line, 5);
    const [first, ...others] = issued.map(({ fingerprint }) => fingerprint) as [Uint8Array, ...Uint8Array[]];
    await store.markRevoked(actAt(), first, 'superseded');
    await revoke(store, line, others);
    const due = sorted(issued.map(({ serial }) => serial));
    const query = { issuerId: line.root.id, through: Number.MAX_SAFE_INTEGER, before: null };
    const page = await store.listRevocations(query, NOTHING, 3);
    const rest = await store.listRevocations(query, page.at(-1)?.serial ?? NOTHING, 3);
    expect([...page, ...rest].map(({ serial }) => hex(serial))).toEqual(due);
    expect(page[0]).toMatchObject({ revokedAt: minutesAfter(0) });
    expect(await serialsOf(store, { issuerId: (await newLine(store)).root.id })).toEqual([]);
  });

  test('a list reaches to one revocation, and what comes later changes no page of it', async () => {
    const { store } = given;
    const line = await newLine(store);
    const [one, other] = (await issueMany(line, 2)).map(({ fingerprint }) => fingerprint);
    await store.markRevoked(actAt(), one ?? NOTHING, 'superseded');
    const { lastRevocation } = await store.findListState(line.root.id);
    await store.markRevoked(actAt(), other ?? NOTHING, 'superseded');
    expect(await serialsOf(store, { issuerId: line.root.id, through: lastRevocation })).toHaveLength(1);
    expect((await store.findListState(line.root.id)).lastRevocation).toBeGreaterThan(lastRevocation);
  });

  test('what had ended when it was listed is left out of the next, and not before', async () => {
    const { store } = given;
    const line = await newLine(store);
    const ended = await line.issue(line.row('ended', { notAfter: minutesAfter(1) }));
    const live = await line.issue(line.row('live'));
    await revoke(store, line, [ended.fingerprint, live.fingerprint]);
    const issuerId = line.root.id;
    const covers = (await store.findListState(issuerId)).lastRevocation;
    const after = (minutes: number, reach: number) =>
      serialsOf(store, { issuerId, before: { thisUpdate: minutesAfter(minutes), covers: reach } });
    // The list before was made while it was valid, or did not have it yet.
    expect(await after(0, covers)).toHaveLength(2);
    expect(await after(2, covers - 1)).toHaveLength(2);
    expect(await after(2, covers)).toEqual([hex(live.serial)]);
  });

  test('a CRL is published when it is completed, and replaces the one before as a whole', async () => {
    const { store } = given;
    const line = await newLine(store);
    const issuerId = line.root.id;
    expect(await store.findList(issuerId)).toBeUndefined();
    const intent = await intentOn(store, issuerId);
    await store.recordListIntent(actAt(), store.runId, intent);
    expect(await store.findListState(issuerId)).toEqual({
      lastNumber: 1,
      published: null,
      lastRevocation: 0,
      isSealed: false,
    });
    const der = crlOf(tbsOf(1));
    await store.recordListIssued(actAt(), store.runId, issuerId, 1, der);
    const published = await store.findList(issuerId);
    expect(published).toMatchObject({ number: 1, thisUpdate: minutesAfter(0), nextUpdate: minutesAfter(60) });
    expect(hex(published?.der ?? NOTHING)).toBe(hex(der));
    await publish(store, issuerId, { number: 1_790_000_000_000 });
    expect(await store.findList(issuerId)).toMatchObject({ number: 1_790_000_000_000 });
    expect((await store.findListState(issuerId)).published?.number).toBe(1_790_000_000_000);
  });

  test('numbers only grow, and one that came to nothing is used up', async () => {
    const { store } = given;
    const line = await newLine(store);
    const issuerId = line.root.id;
    await store.recordListIntent(actAt(), store.runId, await intentOn(store, issuerId, { number: 9 }));
    const stale = await intentOn(store, issuerId, { number: 10, after: 0 });
    for (const wish of [stale, await intentOn(store, issuerId, { number: 9 })]) {
      expect(await rejection(store.recordListIntent(actAt(), store.runId, wish))).toMatchObject({
        code: 'busy',
      });
    }
    await publish(store, issuerId);
    expect((await store.findListState(issuerId)).lastNumber).toBe(10);
    // The one that was overtaken is not published any more.
    const late = store.recordListIssued(actAt(), store.runId, issuerId, 9, crlOf(tbsOf(9)));
    expect(await rejection(late)).toMatchObject({ message: expect.stringContaining('would replace') });
    expect((await store.findList(issuerId))?.number).toBe(10);
  });

  test('an intent is completed once, and by its own run', async () => {
    const { store } = given;
    const line = await newLine(store);
    const issuerId = line.root.id;
    await store.recordListIntent(actAt(), store.runId, await intentOn(store, issuerId));
    const complete = (run: string, number: number) =>
      rejection(store.recordListIssued(actAt(), run, issuerId, number, crlOf(tbsOf(number))));
    expect(await complete('another-run', 1)).toBeInstanceOf(Error);
    expect(await complete(store.runId, 2)).toBeInstanceOf(Error);
    expect(await complete(store.runId, 1)).toBeUndefined();
    expect(await complete(store.runId, 1)).toBeInstanceOf(Error);
  });

  test('a clock that was set back makes no CRL', async () => {
    const { store } = given;
    const line = await newLine(store);
    const issuerId = line.root.id;
    await publish(store, issuerId);
    const older = await intentOn(store, issuerId, { thisUpdate: minutesAfter(-1) });
    const behind = store.recordListIntent(actAt(), store.runId, older);
    expect(await rejection(behind)).toMatchObject({ code: 'clock-behind' });
    const intent = await intentOn(store, issuerId);
    const reset = store.recordListIntent(actAt(-60), store.runId, intent);
    expect(await rejection(reset)).toMatchObject({ code: 'clock-behind' });
  });

  test('intent and CRL have their entries', async () => {
    const { store } = given;
    const line = await newLine(store);
    const entries = await entriesOf(store, () => publish(store, line.root.id));
    const tbsDigest = hex(sha256(tbsOf(1)));
    const crl = hex(sha256(crlOf(tbsOf(1))));
    expect(entries).toMatchObject([
      { action: 'crl-intent-recorded', fleet: line.fleet.name, details: { number: 1, tbsDigest } },
      { action: 'crl-issued', fleet: line.fleet.name, details: { number: 1, crl } },
    ]);
  });
}
