import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import type { RevokedEntry } from '../../src/x509/index.ts';
import { entriesOf, type Given, newLine, plain, rejection } from './line.ts';
import { actAt, fresh } from './sample.ts';

const NOTHING = new Uint8Array(0);
const entry = (serial: Uint8Array, reason: RevokedEntry['reason'] = 'keyCompromise'): RevokedEntry => ({
  serial,
  revokedAt: new Date('2026-05-01T00:00:00Z'),
  reason,
});

/** What a copy that was put back knows, and what it is told of the time since. */
export function restorationContract(given: Given): void {
  const setUp = async () => {
    const { store } = given;
    const { fleet, root, row, intend, complete, issue } = await newLine(store);
    const list = {
      issuerId: root.id,
      number: 4_000,
      thisUpdate: new Date('2026-05-02T00:00:00Z'),
      digest: createHash('sha256').update(fresh('crl')).digest(),
    };
    const listed = async () => {
      const { lastRevocation } = await store.findListState(root.id);
      return store.listRevocations(
        { issuerId: root.id, through: lastRevocation, before: null },
        NOTHING,
        100,
      );
    };
    return { store, fleet, root, row, intend, complete, issue, list, listed };
  };

  test('nothing is intended until it is settled, and reading goes on', async () => {
    const { store, row, intend, issue, root } = await setUp();
    const copiedAt = new Date('2026-05-01T00:00:00Z');
    const marked = await store.recordRestoration(actAt(1), copiedAt);
    expect(marked).toMatchObject({ copiedAt, settledAt: null });
    expect(await store.findRestoration()).toEqual(marked);
    expect(await rejection(intend(row(fresh('device'))))).toMatchObject({ code: 'restoration-not-settled' });
    const facts = { issuerId: root.id, number: 1, thisUpdate: new Date(0), nextUpdate: new Date(1000) };
    const crl = { ...facts, covers: 0, entries: 0, after: 0, tbsDigest: new Uint8Array(32) };
    expect(await rejection(store.recordListIntent(actAt(1), store.runId, crl))).toMatchObject({
      code: 'restoration-not-settled',
    });
    const settled = await store.settleRestoration(actAt(2), 'looked at', ['demo/root/1']);
    expect(settled.settledAt).toEqual(actAt(2).at);
    await issue(row(fresh('device')));
    expect(await rejection(store.settleRestoration(actAt(3), 'again', []))).toMatchObject({
      code: 'not-found',
    });
  });

  test('what a CRL lists is revoked: a certificate, an intent that was given up, and a serial of nobody', async () => {
    const { store, fleet, row, intend, issue, list, listed } = await setUp();
    const [first, second] = [row(fresh('device')), row(fresh('device'))];
    const certificate = await issue(first);
    const intentId = await intend(second);
    await store.abandonIntents(actAt(1), store.runId, [intentId]);
    const unknown = Buffer.from('7f00ff00ff00ff00ff00ff00ff00ff01', 'hex');
    const entries = [entry(first.serial), entry(second.serial, 'superseded'), entry(unknown)];
    const told = await entriesOf(store, async () => {
      expect(await store.takeEntries(actAt(2), list, entries)).toEqual({ revoked: 2, before: 0, unknown: 1 });
    });
    expect(told.map(({ action }) => action)).toEqual([
      'certificates-revoked',
      'serial-revoked',
      'serials-revoked-elsewhere',
    ]);
    expect(await store.takeEntries(actAt(3), list, entries)).toEqual({ revoked: 0, before: 3, unknown: 0 });
    const hex = (octets: Uint8Array) => Buffer.from(octets).toString('hex');
    const due = entries.map(({ serial, reason }) => [hex(serial), reason]).sort();
    expect((await listed()).map(({ serial, reason }) => [hex(serial), reason])).toEqual(due);
    const marked = await store.findCertificatesBySerial(first.serial);
    expect(marked[0]?.revocationReason).toBe('keyCompromise');
    expect((await store.findAbandoned(fleet.id, second.serial))[0]?.revocationReason).toBe('superseded');
    void certificate;
  });

  test('pages of a CRL are in order, whatever they are made of', async () => {
    const { store, root, list, listed } = await setUp();
    const serials = Array.from({ length: 7 }, (_, i) =>
      Buffer.from(`7${i}00ff00ff00ff00ff00ff00ff00ff01`, 'hex'),
    );
    await store.takeEntries(
      actAt(1),
      list,
      serials.map((serial) => entry(serial)),
    );
    const { lastRevocation: through } = await store.findListState(root.id);
    const paged: Uint8Array[] = [];
    for (let after: Uint8Array = NOTHING; ; ) {
      const page = await store.listRevocations({ issuerId: root.id, through, before: null }, after, 2);
      const last = page.at(-1);
      if (!last) break;
      paged.push(...page.map(({ serial }) => serial));
      after = last.serial;
    }
    expect(paged.map((one) => Buffer.from(one).toString('hex'))).toEqual(
      serials.map((one) => one.toString('hex')),
    );
    expect(await listed()).toHaveLength(7);
  });

  test('the number of a CRL that was taken in is used up, once', async () => {
    const { store, root, list } = await setUp();
    expect((await store.findListState(root.id)).lastNumber).toBe(0);
    await store.recordListTaken(actAt(1), list);
    expect(await entriesOf(store, () => store.recordListTaken(actAt(2), list))).toEqual([]);
    expect((await store.findListState(root.id)).lastNumber).toBe(4_000);
    expect(plain(await store.listTakenLists(root.id, new Date(0)))).toEqual([plain(list)]);
    expect(await store.listTakenLists(root.id, actAt(2).at)).toEqual([]);
  });
}
