import { expect, test } from 'vitest';
import { PkiError } from '../../src/errors.ts';
import { entriesOf, type Given, newGeneration, newLine, rejection } from './line.ts';
import { actAt, completionOf, fresh, freshDigest, hex, minutesAfter } from './sample.ts';

const codes = (verdicts: readonly { verdict: string }[]): readonly string[] =>
  verdicts.map((v) => ('code' in v ? String(v.code) : v.verdict));

export function intentContract(given: Given): void {
  test('a certificate is found by fingerprint and serial as intent and completion said', async () => {
    const { store } = given;
    const line = await newLine(store);
    const row = line.row('dev-1', { labels: '{"lot":"a"}', notAfter: minutesAfter(1000) });
    const intentId = await line.intend(row);
    const done = completionOf(row, intentId);
    expect(await store.findCertificate(done.fingerprint)).toBeUndefined();
    const found = await line.complete(row, intentId, 1);
    expect(found).toMatchObject({
      intentId,
      fleetId: line.fleet.id,
      deviceId: 'dev-1',
      profile: row.profile,
      issuerId: line.root.id,
      notBefore: row.notBefore,
      notAfter: row.notAfter,
      labels: row.labels,
      issuedAt: minutesAfter(1),
      batchId: null,
      supersededAt: null,
      revokedAt: null,
      revocationReason: null,
    });
    expect(hex(found.der)).toBe(hex(done.der));
    expect(hex(found.serial)).toBe(hex(row.serial));
    expect(hex(found.keyDigest)).toBe(hex(row.keyDigest));
    expect(hex(found.fingerprint)).toBe(hex(done.fingerprint));
    expect(await store.findCertificatesBySerial(row.serial)).toEqual([found]);
  });

  test('verdicts come in the order of the rows, and a row sees those before it', async () => {
    const line = await newLine(given.store);
    const one = line.row('dev-1');
    const verdicts = await line.record([
      one,
      line.row('dev-2'),
      line.row('dev-1', { keyDigest: one.keyDigest }),
      line.row('dev-1'),
      line.row('DEV-2'),
      line.row('dev-3', { keyDigest: one.keyDigest }),
      line.row('dev-4'),
    ]);
    expect(codes(verdicts)).toEqual([
      'recorded',
      'recorded',
      'pending',
      'pending',
      'device-id-twin',
      'key-of-another-device',
      'recorded',
    ]);
    expect(verdicts[2]).toEqual({ verdict: 'pending', runId: given.store.runId });
  });

  test('the order of a chunk decides who gets a key', async () => {
    const line = await newLine(given.store);
    const [a, b] = [line.row('dev-a'), line.row('dev-b')];
    const verdicts = await line.record([b, { ...a, keyDigest: b.keyDigest }]);
    expect(codes(verdicts)).toEqual(['recorded', 'key-of-another-device']);
  });

  test('an empty chunk has no verdicts and no entry', async () => {
    const line = await newLine(given.store);
    const entries = await entriesOf(given.store, async () => {
      expect(await line.record([])).toEqual([]);
    });
    expect(entries).toEqual([]);
  });

  test('of fifty equal requests at once one is recorded, and the others wait for it', async () => {
    const line = await newLine(given.store);
    const row = line.row('dev-1');
    const verdicts = await Promise.all(
      Array.from({ length: 50 }, () => line.record([line.row('dev-1', { keyDigest: row.keyDigest })])),
    );
    const said = verdicts.flatMap(codes);
    expect(said.filter((v) => v === 'recorded')).toHaveLength(1);
    expect(said.filter((v) => v === 'pending')).toHaveLength(49);
  });

  test.each([
    ['case', 'Pump-7', 'pump-7'],
    ['width', 'pump-7', 'pump-\uff17'],
    ['ligature', 'fi-1', '\ufb01-1'],
  ])('an ID that differs by %s from another of the fleet is its device-id-twin', async (_, first, twin) => {
    const line = await newLine(given.store);
    await line.issue(line.row(first));
    expect(codes(await line.record([line.row(twin)]))).toEqual(['device-id-twin']);
    // A fleet's names are its own.
    const other = await newLine(given.store);
    expect(codes(await other.record([other.row(twin)]))).toEqual(['recorded']);
  });

  test('the key of an authority, of any fleet and of one only intended, is key-of-a-ca', async () => {
    const line = await newLine(given.store);
    const other = await newLine(given.store);
    const keyDigest = Buffer.alloc(32, fresh('ca'));
    await newGeneration(given.store, other.fleet, {
      authority: 'line-7',
      kind: 'issuing',
      issuerId: other.root.id,
      keyDigest,
    });
    expect(codes(await line.record([line.row('dev-1', { keyDigest })]))).toEqual(['key-of-a-ca']);
    expect(codes(await line.record([line.row('dev-1', { keyDigest, supersede: 'still' })]))).toEqual([
      'key-of-a-ca',
    ]);
  });

  test('a key belongs to one device of a fleet, whatever the profile and with supersede, too', async () => {
    const line = await newLine(given.store);
    const row = line.row('dev-1');
    await line.issue(row);
    const { keyDigest } = row;
    const verdicts = await line.record([
      line.row('dev-2', { keyDigest }),
      line.row('dev-2', { keyDigest, profile: 'other', supersede: 'still' }),
    ]);
    expect(codes(verdicts)).toEqual(['key-of-another-device', 'key-of-another-device']);
    const other = await newLine(given.store);
    expect(codes(await other.record([other.row('dev-2', { keyDigest })]))).toEqual(['recorded']);
  });

  test('refused and replayed rows leave no trace: no device, no claim of a key or name, no entry', async () => {
    const line = await newLine(given.store);
    const row = line.row('dev-1');
    await line.issue(row);
    const before = await given.store.listDeviceCertificates(line.fleet.id, 'dev-1', 10);
    const free = line.row('DEV-1');
    const entries = await entriesOf(given.store, async () => {
      const verdicts = await line.record([
        free, // device-id-twin with a key of its own
        line.row('dev-2', { keyDigest: row.keyDigest }),
        line.row('dev-1', { keyDigest: row.keyDigest }),
        line.row('dev-1'),
      ]);
      expect(codes(verdicts)).toEqual([
        'device-id-twin',
        'key-of-another-device',
        'replay',
        'device-has-other-key',
      ]);
    });
    expect(entries).toEqual([]);
    expect(await given.store.findDevice(line.fleet.id, 'DEV-1')).toBeUndefined();
    expect(await given.store.findDevice(line.fleet.id, 'dev-2')).toBeUndefined();
    expect(await given.store.listDeviceCertificates(line.fleet.id, 'dev-1', 10)).toEqual(before);
    // The refused key and the refused name are free.
    expect(codes(await line.record([line.row('DEV-2', { keyDigest: free.keyDigest })]))).toEqual([
      'recorded',
    ]);
  });

  test.each([
    ['device ID', { deviceId: 'dev-\0' }, 'bad-device-id'],
    ['supersede reason', { supersede: 'a\0b' }, 'bad-request'],
    ['labels', { labels: '{"a":"\0"}' }, 'bad-request'],
  ] as const)(
    'a row with U+0000 in its %s is refused, and those beside it are not',
    async (_, wish, code) => {
      const line = await newLine(given.store);
      const verdicts = await line.record([line.row('dev-1', wish), line.row('dev-2')]);
      expect(codes(verdicts)).toEqual([code, 'recorded']);
      const devices = await given.store.listDevices(line.fleet.id, '', 10);
      expect(devices.map(({ deviceId }) => deviceId)).toEqual(['dev-2']);
    },
  );

  test('a clock more than five minutes behind the last intent rejects the chunk whole', async () => {
    const line = await newLine(given.store);
    await line.intend(line.row('dev-1'), 4);
    // Five minutes are drift.
    await line.intend(line.row('dev-2'), -1);
    const chunk = { act: { ...actAt(), at: new Date(minutesAfter(-6).getTime() - 1) }, batchId: null };
    const { runId } = given.store;
    const entries = await entriesOf(given.store, async () => {
      const rows = [line.row('dev-3')];
      const failure = await rejection(
        given.store.recordIntents({ ...chunk, runId, fleetId: line.fleet.id, rows }),
      );
      expect(failure).toMatchObject({ code: 'clock-behind' });
    });
    expect(entries).toEqual([]);
    expect(await given.store.findDevice(line.fleet.id, 'dev-3')).toBeUndefined();
    await line.intend(line.row('dev-3'));
  });

  test('one serial twice under one issuer rejects the chunk whole, as a defect', async () => {
    const line = await newLine(given.store);
    const one = line.row('dev-1');
    const failure = await rejection(line.record([one, line.row('dev-2', { serial: one.serial })]));
    expect(failure).toBeInstanceOf(Error);
    expect(failure).not.toBeInstanceOf(PkiError);
    expect(await given.store.listDevices(line.fleet.id, '', 10)).toEqual([]);
    await line.issue(one);
    expect(await rejection(line.record([line.row('dev-2', { serial: one.serial })]))).toBeInstanceOf(Error);
    expect(await given.store.findDevice(line.fleet.id, 'dev-2')).toBeUndefined();
  });

  test('a profile that was first named in a chunk that was rejected can be named again', async () => {
    const line = await newLine(given.store);
    const wish = { profile: fresh('profile'), profileDigest: freshDigest() };
    const one = line.row('dev-1', wish);
    expect(
      await rejection(line.record([one, line.row('dev-2', { ...wish, serial: one.serial })])),
    ).toBeInstanceOf(Error);
    await line.issue(line.row('dev-0'));
    const certificate = await line.issue(one);
    expect(certificate.profile).toBe(wish.profile);
    // The same profile, changed since, is the same slot.
    const [verdict] = await line.record([
      line.row('dev-1', { ...wish, profileDigest: freshDigest(), keyDigest: one.keyDigest }),
    ]);
    expect(verdict).toEqual({ verdict: 'replay', certificate });
  });

  test('one serial under two issuers finds both certificates', async () => {
    const [here, there] = [await newLine(given.store), await newLine(given.store)];
    const first = await here.issue(here.row('dev-1'));
    const second = await there.issue(there.row('dev-1', { serial: first.serial }));
    const found = await given.store.findCertificatesBySerial(first.serial);
    expect(found.map(({ intentId }) => intentId).sort()).toEqual([first.intentId, second.intentId].sort());
    expect(await given.store.findCertificatesBySerial(here.row('x').serial)).toEqual([]);
  });

  test('completions are stored whole or not at all', async () => {
    const { store } = given;
    const line = await newLine(store);
    const [a, b] = [line.row('dev-a'), line.row('dev-b')];
    const [first, second] = [await line.intend(a), await line.intend(b)];
    const done = completionOf(b, second);
    await line.complete(b, second);
    const chunk = { act: actAt(), runId: store.runId, fleetId: line.fleet.id, batchId: null };
    const entries = await entriesOf(store, async () => {
      for (const issued of [
        [completionOf(a, first), done], // one was completed before
        [completionOf(a, first), completionOf(line.row('x'), 2 ** 40)], // one was never intended
        [completionOf(a, first), completionOf(a, first)], // one twice
      ]) {
        expect(await rejection(store.recordIssued({ ...chunk, issued }))).toBeInstanceOf(Error);
      }
    });
    expect(entries).toEqual([]);
    expect(await store.findCertificate(completionOf(a, first).fingerprint)).toBeUndefined();
    await line.complete(a, first);
  });

  test('a completion of another run or another fleet is rejected', async () => {
    const { store } = given;
    const line = await newLine(store);
    const other = await newLine(store);
    const row = line.row('dev-1');
    const intentId = await line.intend(row);
    const issued = [completionOf(row, intentId)];
    const chunk = { act: actAt(), batchId: null, issued };
    expect(
      await rejection(store.recordIssued({ ...chunk, runId: fresh('run'), fleetId: line.fleet.id })),
    ).toBeInstanceOf(Error);
    expect(
      await rejection(store.recordIssued({ ...chunk, runId: store.runId, fleetId: other.fleet.id })),
    ).toBeInstanceOf(Error);
    expect(await store.findCertificate(completionOf(row, intentId).fingerprint)).toBeUndefined();
  });

  test('a chunk of completions may come in another order than its intents', async () => {
    const { store } = given;
    const line = await newLine(store);
    const [a, b] = [line.row('dev-a'), line.row('dev-b')];
    const [first, second] = [await line.intend(a), await line.intend(b)];
    const issued = [completionOf(b, second), completionOf(a, first)];
    await store.recordIssued({
      act: actAt(),
      runId: store.runId,
      fleetId: line.fleet.id,
      batchId: null,
      issued,
    });
    expect((await store.findCertificate(completionOf(a, first).fingerprint))?.deviceId).toBe('dev-a');
  });

  test('an abandoned intent frees its slot, and can never be completed', async () => {
    const { store } = given;
    const line = await newLine(store);
    const row = line.row('dev-1');
    const intentId = await line.intend(row);
    await store.abandonIntents(actAt(), store.runId, [intentId]);
    expect(await rejection(line.complete(row, intentId))).toBeInstanceOf(Error);
    // Another key may have the device now: nothing was ever issued to it.
    await line.issue(line.row('dev-1'));
  });

  test('abandoning passes over what is not an open intent of this run', async () => {
    const { store } = given;
    const line = await newLine(store);
    const [a, b] = [line.row('dev-a'), line.row('dev-b')];
    const issued = await line.issue(a);
    const open = await line.intend(b);
    const entries = await entriesOf(store, async () => {
      await store.abandonIntents(actAt(), fresh('run'), [open]);
      await store.abandonIntents(actAt(), store.runId, [issued.intentId, 2 ** 40]);
      await store.abandonIntents(actAt(), store.runId, []);
    });
    expect(entries).toEqual([]);
    await line.complete(b, open);
    expect(await store.findCertificate(issued.fingerprint)).toEqual(issued);
  });
}
