import { expect, test } from 'vitest';
import type { IntentVerdict } from '../../src/ca/index.ts';
import { type Given, newLine } from './line.ts';
import { actAt, freshDigest, hex, minutesAfter } from './sample.ts';

const said = (verdicts: readonly IntentVerdict[]): string | undefined => {
  const [verdict] = verdicts;
  return verdict?.verdict === 'refused' ? verdict.code : verdict?.verdict;
};

export function slotContract(given: Given): void {
  test('the same request again is the certificate of before', async () => {
    const line = await newLine(given.store);
    const row = line.row('dev-1', { labels: '{"lot":"a"}' });
    const certificate = await line.issue(row);
    const { keyDigest, labels } = row;
    for (const again of [{ keyDigest }, { keyDigest, labels }, { keyDigest, supersede: 'again' }]) {
      expect(await line.record([line.row('dev-1', again)])).toEqual([{ verdict: 'replay', certificate }]);
    }
  });

  test('another notAfter is request-differs only where it was asked for', async () => {
    const line = await newLine(given.store);
    const row = line.row('dev-1', { notAfterAsked: true });
    await line.issue(row);
    const { keyDigest, notAfter } = row;
    const ask = (notAfterAsked: boolean, instant: Date) =>
      line.record([line.row('dev-1', { keyDigest, notAfterAsked, notAfter: instant })]);
    expect(said(await ask(true, notAfter))).toBe('replay');
    expect(said(await ask(false, minutesAfter(9999)))).toBe('replay');
    expect(said(await ask(true, minutesAfter(9999)))).toBe('request-differs');
  });

  test('other labels are request-differs; none are not', async () => {
    const line = await newLine(given.store);
    const [plain, labelled] = [line.row('plain'), line.row('labelled', { labels: '{"lot":"a"}' })];
    await line.issue(plain);
    await line.issue(labelled);
    const ask = (deviceId: string, keyDigest: Uint8Array, labels: string | null) =>
      line.record([line.row(deviceId, { keyDigest, labels })]);
    expect(said(await ask('labelled', labelled.keyDigest, '{"lot":"b"}'))).toBe('request-differs');
    expect(said(await ask('labelled', labelled.keyDigest, '{}'))).toBe('request-differs');
    expect(said(await ask('labelled', labelled.keyDigest, null))).toBe('replay');
    expect(said(await ask('plain', plain.keyDigest, '{"lot":"a"}'))).toBe('request-differs');
    // A certificate without labels, and a request that says that it wants none.
    expect(said(await ask('plain', plain.keyDigest, '{}'))).toBe('replay');
  });

  test('another profile is another slot of the device', async () => {
    const line = await newLine(given.store);
    const row = line.row('dev-1');
    const first = await line.issue(row);
    const second = await line.issue(line.row('dev-1', { profile: 'mutual' }));
    const third = await line.issue(line.row('dev-1', { profile: 'same-key', keyDigest: row.keyDigest }));
    expect(new Set([first, second, third].map(({ intentId }) => intentId)).size).toBe(3);
    expect(await given.store.findCertificate(first.fingerprint)).toEqual(first);
  });

  test('another key for a device is device-has-other-key without supersede', async () => {
    const line = await newLine(given.store);
    const certificate = await line.issue(line.row('dev-1'));
    expect(said(await line.record([line.row('dev-1')]))).toBe('device-has-other-key');
    // Also where the certificate is revoked: who lost the key says so.
    await given.store.markRevoked(actAt(), certificate.fingerprint, 'keyCompromise');
    expect(said(await line.record([line.row('dev-1')]))).toBe('device-has-other-key');
  });

  test('supersede marks the old certificate when the new one is complete, and not before', async () => {
    const { store } = given;
    const line = await newLine(store);
    const old = await line.issue(line.row('dev-1'));
    const row = line.row('dev-1', { supersede: 'new board' });
    const intentId = await line.intend(row);
    expect(await store.findCertificate(old.fingerprint)).toEqual(old);
    const renewed = await line.complete(row, intentId, 1);
    expect(renewed.supersededAt).toBeNull();
    expect(await store.findCertificate(old.fingerprint)).toEqual({ ...old, supersededAt: minutesAfter(1) });
    // The old key is another key now; the new one replays.
    expect(said(await line.record([line.row('dev-1', { keyDigest: old.keyDigest })]))).toBe(
      'device-has-other-key',
    );
    expect(await line.record([line.row('dev-1', { keyDigest: row.keyDigest })])).toEqual([
      { verdict: 'replay', certificate: renewed },
    ]);
  });

  test('supersede touches its own slot alone', async () => {
    const { store } = given;
    const line = await newLine(store);
    const other = await line.issue(line.row('dev-1', { profile: 'mutual' }));
    const neighbour = await line.issue(line.row('dev-2'));
    await line.issue(line.row('dev-1'));
    await line.issue(line.row('dev-1', { supersede: 'new board' }), 1);
    expect(await store.findCertificate(other.fingerprint)).toEqual(other);
    expect(await store.findCertificate(neighbour.fingerprint)).toEqual(neighbour);
  });

  test('a device goes back to a superseded key with supersede, and one certificate stays current', async () => {
    const { store } = given;
    const line = await newLine(store);
    const keyDigest = freshDigest();
    const first = await line.issue(line.row('dev-1', { keyDigest }));
    const second = await line.issue(line.row('dev-1', { supersede: 'repair' }), 1);
    const third = await line.issue(line.row('dev-1', { keyDigest, supersede: 'repaired' }), 2);
    expect(third.intentId).not.toBe(first.intentId);
    const all = await store.listDeviceCertificates(line.fleet.id, 'dev-1', 10);
    expect(all.map(({ intentId, supersededAt }) => [intentId, supersededAt])).toEqual([
      [third.intentId, null],
      [second.intentId, minutesAfter(2)],
      [first.intentId, minutesAfter(1)],
    ]);
  });

  test('a supersede that was given up leaves the old certificate as the one that stands', async () => {
    const { store } = given;
    const line = await newLine(store);
    const row = line.row('dev-1');
    const old = await line.issue(row);
    const open = await line.intend(line.row('dev-1', { supersede: 'new board' }));
    await store.abandonIntents(actAt(), store.runId, [open]);
    expect(await line.record([line.row('dev-1', { keyDigest: row.keyDigest })])).toEqual([
      { verdict: 'replay', certificate: old },
    ]);
    expect(said(await line.record([line.row('dev-1')]))).toBe('device-has-other-key');
    const renewed = await line.issue(line.row('dev-1', { supersede: 'new board' }), 1);
    expect(await store.findCertificate(old.fingerprint)).toEqual({ ...old, supersededAt: minutesAfter(1) });
    expect(renewed.supersededAt).toBeNull();
  });

  test('a revoked certificate makes its key key-retired, and supersede overrides that', async () => {
    const { store } = given;
    const line = await newLine(store);
    const row = line.row('dev-1');
    const old = await line.issue(row);
    await store.markRevoked(actAt(), old.fingerprint, 'keyCompromise');
    const { keyDigest } = row;
    expect(said(await line.record([line.row('dev-1', { keyDigest })]))).toBe('key-retired');
    const renewed = await line.issue(line.row('dev-1', { keyDigest, supersede: 'revoked in error' }), 1);
    // The same request again, as a client that lost the answer makes it.
    expect(await line.record([line.row('dev-1', { keyDigest, supersede: 'revoked in error' })])).toEqual([
      { verdict: 'replay', certificate: renewed },
    ]);
    const all = await store.listDeviceCertificates(line.fleet.id, 'dev-1', 10);
    expect(all.map(({ supersededAt }) => supersededAt)).toEqual([null, null]);
  });

  test('a revoked key is key-retired where it is not the slot’s present one, too', async () => {
    const { store } = given;
    const line = await newLine(store);
    const row = line.row('dev-1');
    const old = await line.issue(row);
    await store.markRevoked(actAt(), old.fingerprint, 'keyCompromise');
    const { keyDigest } = row;
    // In a slot that holds nothing.
    expect(said(await line.record([line.row('dev-1', { keyDigest, profile: 'mutual' })]))).toBe(
      'key-retired',
    );
    // In a slot whose intent was given up.
    const open = await line.intend(line.row('dev-1', { profile: 'given-up' }));
    await store.abandonIntents(actAt(), store.runId, [open]);
    expect(said(await line.record([line.row('dev-1', { keyDigest, profile: 'given-up' })]))).toBe(
      'key-retired',
    );
    await line.issue(line.row('dev-1', { keyDigest, profile: 'mutual', supersede: 'known' }));
  });

  test('the key of an expired certificate gets a new one, and the old one is not marked', async () => {
    const { store } = given;
    const line = await newLine(store);
    const row = line.row('dev-1', { notAfter: minutesAfter(1) });
    const old = await line.issue(row);
    const { keyDigest } = row;
    expect(said(await line.record([line.row('dev-1', { keyDigest })]))).toBe('replay');
    const renewed = await line.issue(line.row('dev-1', { keyDigest }), 2);
    expect(hex(renewed.keyDigest)).toBe(hex(keyDigest));
    expect(await store.findCertificate(old.fingerprint)).toEqual(old);
    expect(await line.record([line.row('dev-1', { keyDigest })], 2)).toEqual([
      { verdict: 'replay', certificate: renewed },
    ]);
  });

  test('an expired certificate of another key is device-has-other-key all the same', async () => {
    const line = await newLine(given.store);
    await line.issue(line.row('dev-1', { notAfter: minutesAfter(1) }));
    expect(said(await line.record([line.row('dev-1')], 2))).toBe('device-has-other-key');
  });

  test('an open intent is pending for every key, with supersede, too', async () => {
    const line = await newLine(given.store);
    const row = line.row('dev-1');
    await line.intend(row);
    const { keyDigest } = row;
    for (const again of [{ keyDigest }, {}, { supersede: 'now' }]) {
      expect(await line.record([line.row('dev-1', again)])).toEqual([
        { verdict: 'pending', runId: given.store.runId },
      ]);
    }
  });
}
