import { expect, test } from 'vitest';
import type { IntentRow, RevokeOld, StoredCertificate } from '../../src/ca/index.ts';
import { entriesOf, type Given, type Line, newLine, rejection } from './line.ts';
import { actAt, freshDigest, hex, minutesAfter } from './sample.ts';

const REASON = 'board burnt';
const ALL = { through: Number.MAX_SAFE_INTEGER, before: null };
const START = new Uint8Array(0);

/** A row by which a device renews with the certificate that it has shown. */
const renewalOf = (line: Line, peer: StoredCertificate, wish: Partial<IntentRow> = {}): IntentRow =>
  line.row(peer.deviceId, {
    renews: { intentId: peer.intentId, certificate: hex(peer.fingerprint) },
    ...wish,
  });

/** Another board for a device. */
const swapOf = (line: Line, deviceId: string, revokeOld: RevokeOld | null): IntentRow =>
  line.row(deviceId, { supersede: REASON, revokeOld });

async function verdictOn(line: Line, row: IntentRow, minutes = 0) {
  const [verdict] = await line.record([row], minutes);
  return verdict;
}

export function deviceContract(given: Given): void {
  const stateOf = async (line: Line, deviceId: string) =>
    (await given.store.findDevice(line.fleet.id, deviceId))?.state;
  const marksOf = async (line: Line, deviceId: string) =>
    (await given.store.listDeviceCertificates(line.fleet.id, deviceId, 10)).map(
      ({ revocationReason }) => revocationReason,
    );

  test('a device that is scrapped has all its certificates revoked, and is refused from then on', async () => {
    const { store } = given;
    const line = await newLine(store);
    await line.issue(line.row('dev'));
    await line.issue(line.row('dev', { profile: 'other' }));
    const entries = await entriesOf(store, async () => {
      expect(await store.scrapDevice(actAt(1), line.fleet.id, 'dev', REASON)).toBe(2);
      expect(await store.scrapDevice(actAt(2), line.fleet.id, 'dev', 'again')).toBe(0);
    });
    expect(entries).toMatchObject([
      { action: 'device-scrapped', fleet: line.fleet.name, details: { deviceId: 'dev', reason: REASON } },
      { action: 'certificates-revoked', details: { device: 'dev', revoked: 2 } },
    ]);
    expect(await stateOf(line, 'dev')).toBe('scrapped');
    expect(await marksOf(line, 'dev')).toEqual(['cessationOfOperation', 'cessationOfOperation']);
    for (const row of [line.row('dev'), swapOf(line, 'dev', null)])
      expect(await verdictOn(line, row)).toMatchObject({ verdict: 'refused', code: 'device-scrapped' });
    expect(await store.listRevocations({ issuerId: line.root.id, ...ALL }, START, 10)).toHaveLength(2);
  });

  test('a device is not scrapped while a certificate of it is under way', async () => {
    const { store } = given;
    const line = await newLine(store);
    const row = line.row('dev');
    const intent = await line.intend(row);
    const scrap = () => store.scrapDevice(actAt(), line.fleet.id, 'dev', REASON);
    expect(await rejection(scrap())).toMatchObject({ code: 'busy' });
    await line.complete(row, intent);
    expect(await scrap()).toBe(1);
  });

  test('a device that is taken back may ask again, and keeps its history', async () => {
    const { store } = given;
    const line = await newLine(store);
    await line.issue(line.row('dev'));
    await store.scrapDevice(actAt(), line.fleet.id, 'dev', REASON);
    const reinstate = () => store.reinstateDevice(actAt(1), line.fleet.id, 'dev', 'repaired');
    const entries = await entriesOf(store, () => reinstate().then(reinstate));
    expect(entries).toMatchObject([{ action: 'device-reinstated', details: { reason: 'repaired' } }]);
    expect(await stateOf(line, 'dev')).toBe('active');
    expect(await verdictOn(line, line.row('dev'))).toMatchObject({ code: 'device-has-other-key' });
    await line.issue(swapOf(line, 'dev', null));
    expect(await marksOf(line, 'dev')).toEqual([null, 'cessationOfOperation']);
    expect(await store.listDeviceChanges(line.fleet.id, 'dev', 10)).toEqual([
      { state: 'active', reason: 'repaired', at: minutesAfter(1), actor: actAt().actor },
      { state: 'scrapped', reason: REASON, at: minutesAfter(0), actor: actAt().actor },
    ]);
  });

  test('a device that is not there is neither scrapped nor taken back', async () => {
    const { store } = given;
    const [line, other] = [await newLine(store), await newLine(store)];
    await line.issue(line.row('dev'));
    for (const [fleetId, id] of [
      [line.fleet.id, 'DEV'],
      [other.fleet.id, 'dev'],
    ] as const) {
      expect(await rejection(store.scrapDevice(actAt(), fleetId, id, REASON))).toMatchObject({
        code: 'not-found',
      });
      expect(await rejection(store.reinstateDevice(actAt(), fleetId, id, REASON))).toMatchObject({
        code: 'not-found',
      });
    }
  });

  test('what a board swap supersedes is revoked with the transaction that completes the new one', async () => {
    const { store } = given;
    const line = await newLine(store);
    await line.issue(line.row('dev'));
    await line.issue(line.row('dev', { profile: 'other' }));
    await line.issue(swapOf(line, 'dev', null));
    const row = swapOf(line, 'dev', 'now');
    const intent = await line.intend(row);
    expect(await marksOf(line, 'dev')).toEqual([null, null, null]);
    const entries = await entriesOf(store, () => line.complete(row, intent));
    expect(entries).toMatchObject([
      { action: 'certificates-issued' },
      { action: 'certificates-revoked', details: { replaced: 'now', revoked: 2, reason: 'superseded' } },
    ]);
    expect(await marksOf(line, 'dev')).toEqual([null, 'superseded', null, 'superseded']);
  });

  test('or when the new one was first seen, once', async () => {
    const { store } = given;
    const line = await newLine(store);
    await line.issue(line.row('dev'));
    const next = await line.issue(swapOf(line, 'dev', 'after-handshake'));
    expect(next).toMatchObject({ revokeOld: 'after-handshake', supersede: REASON, seenAt: null });
    const see = (minutes: number) => store.recordSeen(actAt(minutes), next.fingerprint);
    expect(await marksOf(line, 'dev')).toEqual([null, null]);
    const entries = await entriesOf(store, async () => {
      expect(await see(1)).toMatchObject({ revoked: 1, certificate: { seenAt: minutesAfter(1) } });
      expect(await see(2)).toMatchObject({ revoked: 0, certificate: { seenAt: minutesAfter(1) } });
    });
    expect(entries).toMatchObject([
      { action: 'certificate-seen', details: { certificate: hex(next.fingerprint), deviceId: 'dev' } },
      { action: 'certificates-revoked', details: { replaced: 'after-handshake', revoked: 1 } },
    ]);
    expect(await marksOf(line, 'dev')).toEqual([null, 'superseded']);
  });

  test('a certificate that is revoked is not seen, and nothing is revoked that came after', async () => {
    const { store } = given;
    const line = await newLine(store);
    await line.issue(line.row('dev'));
    const second = await line.issue(swapOf(line, 'dev', 'after-handshake'));
    await line.issue(swapOf(line, 'dev', null));
    await store.recordSeen(actAt(), second.fingerprint);
    expect(await marksOf(line, 'dev')).toEqual([null, null, 'superseded']);
    const fourth = await line.issue(swapOf(line, 'dev', 'after-handshake'));
    await store.markRevoked(actAt(), fourth.fingerprint, 'keyCompromise');
    expect(await store.recordSeen(actAt(), fourth.fingerprint)).toMatchObject({ revoked: 0 });
    expect(await marksOf(line, 'dev')).toEqual(['keyCompromise', null, null, 'superseded']);
    expect(await rejection(store.recordSeen(actAt(), freshDigest()))).toMatchObject({ code: 'not-found' });
  });

  test('a renewal has a certificate of its own, with a new key or the same, and marks what was there', async () => {
    const { store } = given;
    const line = await newLine(store);
    const first = await line.issue(line.row('dev'));
    const second = await line.issue(renewalOf(line, first, { keyDigest: first.keyDigest }));
    const third = await line.issue(renewalOf(line, second), 1);
    expect(second.renews).toEqual({ intentId: first.intentId, certificate: hex(first.fingerprint) });
    expect(third.renews?.intentId).toBe(second.intentId);
    const marks = (await store.listDeviceCertificates(line.fleet.id, 'dev', 10)).map(
      ({ supersededAt, revokedAt }) => [supersededAt, revokedAt],
    );
    expect(marks).toEqual([
      [null, null],
      [minutesAfter(1), null],
      [minutesAfter(0), null],
    ]);
  });

  test('a renewal is replayed to the same certificate and key, and another key is issued', async () => {
    const { store } = given;
    const line = await newLine(store);
    const first = await line.issue(line.row('dev'));
    const row = renewalOf(line, first);
    const second = await line.issue(row);
    const again = renewalOf(line, first, { keyDigest: row.keyDigest });
    expect(await verdictOn(line, again)).toMatchObject({
      verdict: 'replay',
      certificate: { intentId: second.intentId },
    });
    const third = await line.issue(renewalOf(line, first));
    expect(third.renews?.intentId).toBe(first.intentId);
    // Its certificate is the newest no longer, and did not come of it.
    expect(await verdictOn(line, renewalOf(line, second))).toMatchObject({ code: 'certificate-superseded' });
  });

  test('nothing is renewed with a certificate that was revoked, replaced, or whose renewal was revoked', async () => {
    const { store } = given;
    const line = await newLine(store);
    const revoked = await line.issue(line.row('revoked'));
    await store.markRevoked(actAt(), revoked.fingerprint, 'keyCompromise');
    expect(await verdictOn(line, renewalOf(line, revoked))).toMatchObject({ code: 'unauthenticated' });
    const replaced = await line.issue(line.row('replaced'));
    await line.issue(swapOf(line, 'replaced', null));
    expect(await verdictOn(line, renewalOf(line, replaced))).toMatchObject({
      code: 'certificate-superseded',
    });
    const parent = await line.issue(line.row('parent'));
    const child = await line.issue(renewalOf(line, parent));
    await store.markRevoked(actAt(), child.fingerprint, 'keyCompromise');
    for (const keyDigest of [freshDigest(), child.keyDigest])
      expect(await verdictOn(line, renewalOf(line, parent, { keyDigest }))).toMatchObject({
        code: 'certificate-superseded',
      });
  });

  test('a renewal does not take a key that is another device’s, or that was revoked', async () => {
    const { store } = given;
    const line = await newLine(store);
    const other = await line.issue(line.row('other'));
    const first = await line.issue(line.row('dev'));
    const second = await line.issue(swapOf(line, 'dev', 'now'));
    const asked = (keyDigest: Uint8Array) => verdictOn(line, renewalOf(line, second, { keyDigest }));
    expect(await asked(other.keyDigest)).toMatchObject({ code: 'key-of-another-device' });
    expect(await asked(first.keyDigest)).toMatchObject({ code: 'key-retired' });
  });

  test('the serial of an intent that was given up is revoked, and listed', async () => {
    const { store } = given;
    const line = await newLine(store);
    const row = line.row('dev');
    const intentId = await line.intend(row);
    const revoke = (minutes = 0) => store.revokeAbandoned(actAt(minutes), intentId, 'unspecified');
    expect(await rejection(revoke())).toMatchObject({ code: 'not-found' });
    expect(await store.findAbandoned(line.fleet.id, row.serial)).toEqual([]);
    await store.abandonIntents(actAt(), store.runId, [intentId]);
    expect(await store.findAbandoned(line.fleet.id, row.serial)).toMatchObject([
      { intentId, deviceId: 'dev', issuerId: line.root.id, revokedAt: null },
    ]);
    const entries = await entriesOf(store, async () => {
      expect(await revoke(1)).toMatchObject({ revokedAt: minutesAfter(1) });
      expect(await revoke(2)).toMatchObject({ revokedAt: minutesAfter(1) });
    });
    expect(entries).toMatchObject([
      { action: 'serial-revoked', fleet: line.fleet.name, details: { serial: hex(row.serial) } },
    ]);
    const listed = await store.listRevocations({ issuerId: line.root.id, ...ALL }, START, 10);
    const read = listed.map((one) => ({ ...one, serial: hex(one.serial) }));
    expect(read).toEqual([{ serial: hex(row.serial), revokedAt: minutesAfter(1), reason: 'unspecified' }]);
    expect(await store.listAbandoned(line.fleet.id, 0, 10)).toMatchObject([
      { intentId, revocationReason: 'unspecified' },
    ]);
    expect(await store.listAbandoned(line.fleet.id, intentId, 10)).toEqual([]);
    // The slot is as free as after any intent that was given up.
    await line.issue(line.row('dev'));
  });
}
