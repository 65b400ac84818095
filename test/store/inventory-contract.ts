import { expect, test } from 'vitest';
import { entriesOf, type Given, newLine, rejection } from './line.ts';
import { actAt, freshDigest, minutesAfter } from './sample.ts';

export function inventoryContract(given: Given): void {
  test('a device is there from its first intent on, in its fleet alone', async () => {
    const { store } = given;
    const [here, there] = [await newLine(store), await newLine(store)];
    await here.intend(here.row('dev-1'), 1);
    expect(await store.findDevice(here.fleet.id, 'dev-1')).toEqual({
      fleetId: here.fleet.id,
      deviceId: 'dev-1',
      createdAt: minutesAfter(1),
      state: 'active',
    });
    expect(await store.findDevice(there.fleet.id, 'dev-1')).toBeUndefined();
    expect(await store.findDevice(here.fleet.id, 'DEV-1')).toBeUndefined();
  });

  test('devices are listed bytewise by folded ID, page by page, in their fleet alone', async () => {
    const { store } = given;
    const [here, there] = [await newLine(store), await newLine(store)];
    // U+FD3E comes after U+10000 in UTF-16, and before it in octets; a full-width X is an x, folded.
    const ids = ['!', '10', '2', 'a', 'AB', 'b', 'C', '\uff38-1', 'x-2', '\u6f22', '\ufd3e', '\u{10000}'];
    await here.record([...ids].reverse().map((id) => here.row(id)));
    await there.record([there.row('aa')]);
    const listed: string[] = [];
    for (let after = ''; ; ) {
      const page = await store.listDevices(here.fleet.id, after, 4);
      listed.push(...page.map(({ deviceId }) => deviceId));
      const last = page.at(-1);
      if (!last) break;
      after = last.deviceId;
    }
    expect(listed).toEqual(ids);
    // A cursor is any device ID, in any form of it.
    const [next] = await store.listDevices(here.fleet.id, 'aB', 1);
    expect(next?.deviceId).toBe('b');
  });

  test('the certificates of a device are listed newest first, up to the limit', async () => {
    const { store } = given;
    const line = await newLine(store);
    const issued = [await line.issue(line.row('dev-1'))];
    for (const minutes of [1, 2, 3]) {
      issued.unshift(await line.issue(line.row('dev-1', { supersede: 'again' }), minutes));
    }
    await line.issue(line.row('dev-2'));
    const listed = await store.listDeviceCertificates(line.fleet.id, 'dev-1', 10);
    expect(listed.map(({ intentId }) => intentId)).toEqual(issued.map(({ intentId }) => intentId));
    expect(await store.listDeviceCertificates(line.fleet.id, 'dev-1', 2)).toEqual(listed.slice(0, 2));
    expect(await store.listDeviceCertificates(line.fleet.id, 'dev-3', 10)).toEqual([]);
  });

  test('a certificate is revoked once, and the first mark stays', async () => {
    const { store } = given;
    const line = await newLine(store);
    const certificate = await line.issue(line.row('dev-1'));
    const { fingerprint } = certificate;
    const entries = await entriesOf(store, async () => {
      const marked = await store.markRevoked(actAt(1), fingerprint, 'keyCompromise');
      const expected = { ...certificate, revokedAt: minutesAfter(1), revocationReason: 'keyCompromise' };
      expect(marked).toEqual(expected);
      expect(await store.markRevoked(actAt(2), fingerprint, 'superseded')).toEqual(expected);
      expect(await store.findCertificate(fingerprint)).toEqual(expected);
    });
    expect(entries).toHaveLength(1);
  });

  test('a certificate that does not exist is not-found', async () => {
    const entries = await entriesOf(given.store, async () => {
      const failure = await rejection(given.store.markRevoked(actAt(), freshDigest(), 'keyCompromise'));
      expect(failure).toMatchObject({ code: 'not-found' });
    });
    expect(entries).toEqual([]);
    expect(await given.store.findCertificate(freshDigest())).toBeUndefined();
  });

  test('a released key is free for another device, and no longer for its first', async () => {
    const { store } = given;
    const line = await newLine(store);
    const row = line.row('dev-1');
    const certificate = await line.issue(row);
    const { keyDigest } = row;
    await store.releaseKey(actAt(), line.fleet.id, keyDigest, 'board moved');
    expect(await store.findCertificate(certificate.fingerprint)).toEqual(certificate);
    await line.issue(line.row('dev-2', { keyDigest }));
    const [verdict] = await line.record([line.row('dev-1', { keyDigest })]);
    expect(verdict).toMatchObject({ verdict: 'refused', code: 'key-of-another-device' });
  });

  test('a key with a certificate that was revoked for keyCompromise is not freed; for another reason it is', async () => {
    const { store } = given;
    const line = await newLine(store);
    for (const [reason, refusal] of [
      ['keyCompromise', { code: 'key-retired' }],
      ['cessationOfOperation', undefined],
    ] as const) {
      const row = line.row(`dev-${reason}`);
      const { fingerprint } = await line.issue(row);
      await store.markRevoked(actAt(), fingerprint, reason);
      const release = () => store.releaseKey(actAt(), line.fleet.id, row.keyDigest, 'board moved');
      if (refusal) expect(await rejection(release())).toMatchObject(refusal);
      else await release();
      const [verdict] = await line.record([line.row(`next-${reason}`, { keyDigest: row.keyDigest })]);
      expect(verdict).toMatchObject(refusal ? { code: 'key-of-another-device' } : { verdict: 'recorded' });
    }
  });

  test('releasing a key that no device of the fleet has is not-found', async () => {
    const { store } = given;
    const [here, there] = [await newLine(store), await newLine(store)];
    const row = here.row('dev-1');
    await here.issue(row);
    const entries = await entriesOf(store, async () => {
      for (const [fleetId, digest] of [
        [there.fleet.id, row.keyDigest],
        [here.fleet.id, freshDigest()],
      ] as const) {
        expect(await rejection(store.releaseKey(actAt(), fleetId, digest, 'why'))).toMatchObject({
          code: 'not-found',
        });
      }
    });
    expect(entries).toEqual([]);
    const [verdict] = await here.record([here.row('dev-2', { keyDigest: row.keyDigest })]);
    expect(verdict).toMatchObject({ code: 'key-of-another-device' });
  });
}
