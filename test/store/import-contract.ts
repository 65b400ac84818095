import { expect, test } from 'vitest';
import type { ForeignRow, ForeignVerdict } from '../../src/ca/index.ts';
import { foldDeviceId } from '../../src/policy/index.ts';
import { certificateFingerprint, sha256 as digestOf, parseCertificate } from '../../src/x509/index.ts';
import { makeKey, type TestKey } from '../support/csr.ts';
import { hierarchy } from '../support/hierarchy.ts';
import { entriesOf, type Given, newFleet, newGeneration, rejection } from './line.ts';
import { actAt, fresh, NOON, sampleRow, sha256 } from './sample.ts';

const REVOKED = { at: new Date('2025-03-01T00:00:00Z'), reason: 'keyCompromise' } as const;
const sayings = (verdicts: readonly ForeignVerdict[]) =>
  verdicts.map((one) => (one.verdict === 'refused' ? one.code : one.verdict));

/** What was issued elsewhere comes in with real signatures: whoever verifies the ledger looks at them. */
export function importContract(given: Given): void {
  const setUp = async () => {
    const { store } = given;
    const foreign = hierarchy(NOON);
    const root = await foreign.authority('generic', 'fleet-root', fresh('Foreign'));
    const fleet = await newFleet(store);
    const { serial, der, publicKey, notBefore, notAfter } = root.certificate;
    const generation = await store.recordGenerationImported(actAt(), {
      fleetId: fleet.id,
      place: 'first',
      issuerId: null,
      ceremony: null,
      authority: 'root',
      kind: 'root',
      profile: 'imported',
      keyId: fresh('foreign'),
      keyDigest: publicKey.digest,
      serial,
      certificate: der,
      notBefore,
      notAfter,
    });
    const row = async (
      deviceId: string,
      wish: Partial<ForeignRow> = {},
      key: TestKey = makeKey(),
    ): Promise<ForeignRow> => {
      const certificate = parseCertificate(await foreign.device(root, deviceId, key));
      return {
        deviceId,
        foldedId: foldDeviceId(deviceId),
        profile: 'device',
        profileDigest: sha256(Buffer.from('device')),
        issuerId: generation.id,
        serial: certificate.serial,
        keyDigest: certificate.publicKey.digest,
        tbsDigest: digestOf(certificate.tbs),
        notBefore: certificate.notBefore,
        notAfter: certificate.notAfter,
        fingerprint: certificateFingerprint(certificate.der),
        der: certificate.der,
        revocation: null,
        ...wish,
      };
    };
    const take = (rows: readonly ForeignRow[], minutes = 0) =>
      store.recordForeign({ act: actAt(minutes), runId: store.runId, fleetId: fleet.id, rows });
    const issue = (deviceId: string, more: Partial<ReturnType<typeof sampleRow>> = {}) =>
      store.recordIntents({
        act: actAt(),
        runId: store.runId,
        fleetId: fleet.id,
        batchId: null,
        rows: [sampleRow({ deviceId, issuerId: generation.id, ...more })],
      });
    return { store, fleet, generation, row, take, issue };
  };

  test('they are in the inventory with one entry, and nothing is open; the same again changes nothing', async () => {
    const { store, fleet, row, take } = await setUp();
    const [first, second] = [await row(fresh('dev')), await row(fresh('dev'), { revocation: REVOKED })];
    const told = await entriesOf(store, async () => {
      expect(await take([first, second])).toEqual([
        { verdict: 'imported', keyElsewhere: false },
        { verdict: 'imported', keyElsewhere: false },
      ]);
    });
    expect(told.map(({ action, details }) => [action, details.imported, details.revoked])).toEqual([
      ['certificates-imported', 2, 1],
    ]);
    const found = await store.findCertificate(first.fingerprint);
    expect(found).toMatchObject({
      imported: true,
      deviceId: first.deviceId,
      revokedAt: null,
      supersededAt: null,
    });
    expect(await store.findCertificate(second.fingerprint)).toMatchObject({
      revokedAt: REVOKED.at,
      revocationReason: REVOKED.reason,
    });
    expect(await store.findDevice(fleet.id, second.deviceId)).toBeDefined();
    expect(await store.findDeviceOfKey(fleet.id, first.keyDigest)).toMatchObject({
      deviceId: first.deviceId,
    });
    const again = await entriesOf(store, async () => {
      expect(await take([first, second])).toEqual([
        { verdict: 'known', isRevoked: false },
        { verdict: 'known', isRevoked: true },
      ]);
    });
    expect(again).toEqual([]);
  });

  test('judging writes nothing', async () => {
    const { store, fleet, row } = await setUp();
    const one = await row(fresh('dev'));
    const chunk = { act: actAt(), runId: store.runId, fleetId: fleet.id, rows: [one, one] };
    const told = await entriesOf(store, async () => {
      expect(sayings(await store.judgeForeign(chunk))).toEqual(['imported', 'known']);
    });
    expect(told).toEqual([]);
    expect(await store.findDevice(fleet.id, one.deviceId)).toBeUndefined();
  });

  test('what comes revoked is in the list that CRLs are made from, as of its own date', async () => {
    const { store, generation, row, take } = await setUp();
    const one = await row(fresh('dev'), { revocation: REVOKED });
    await take([one]);
    const { lastRevocation: through } = await store.findListState(generation.id);
    const query = { issuerId: generation.id, through, before: null };
    const [entry] = await store.listRevocations(query, new Uint8Array(0), 10);
    expect(entry).toMatchObject({ revokedAt: REVOKED.at, reason: REVOKED.reason });
  });

  test('names and keys are held to the rules of the fleet, row by row', async () => {
    const { store, row, take, fleet } = await setUp();
    const key = makeKey();
    const [id, twin] = [fresh('dev'), fresh('dev')];
    const first = await row(id, {}, key);
    const serialTaken = { ...(await row(fresh('dev'))), serial: first.serial };
    const rows = [
      first,
      await row(fresh('copy'), {}, key),
      await row(twin),
      await row(twin.toUpperCase()),
      serialTaken,
    ];
    const due = ['imported', 'key-of-another-device', 'imported', 'device-id-twin', 'already-exists'];
    expect(sayings(await take(rows))).toEqual(due);
    const next = [await row(fresh('copy'), {}, key), await row(id.toUpperCase()), serialTaken];
    expect(sayings(await take(next))).toEqual(['key-of-another-device', 'device-id-twin', 'already-exists']);
    await store.scrapDevice(actAt(), fleet.id, twin, 'broken');
    expect(sayings(await take([await row(twin)]))).toEqual(['device-scrapped']);
  });

  test('a serial that a CRL has revoked before its certificate came is named', async () => {
    const { store, generation, row, take } = await setUp();
    const one = await row(fresh('dev'));
    const list = {
      issuerId: generation.id,
      number: 7,
      thisUpdate: actAt().at,
      digest: sha256(Buffer.from(fresh('crl'))),
    };
    const entry = { serial: one.serial, revokedAt: REVOKED.at, reason: REVOKED.reason };
    await store.takeEntries(actAt(), list, [entry]);
    expect(sayings(await take([one]))).toEqual(['already-exists']);
  });

  test.each([
    ['together', true],
    ['one after the other', false],
  ])(
    'the newest that is not revoked holds the place of a device, when they come %s',
    async (_, isTogether) => {
      const { store, row, take } = await setUp();
      const id = fresh('dev');
      const at = (days: number) => ({ notBefore: new Date(NOON.getTime() - days * 86_400_000) });
      const [middle, newest, oldest, revoked] = [
        await row(id, at(20)),
        await row(id, at(10)),
        await row(id, at(30)),
        await row(id, { ...at(5), revocation: REVOKED }),
      ];
      const rows = [middle, newest, oldest, revoked];
      if (isTogether) await take(rows);
      else for (const one of rows) await take([one]);
      const superseded = await Promise.all(
        rows.map(async ({ fingerprint }) => (await store.findCertificate(fingerprint))?.supersededAt != null),
      );
      expect(superseded).toEqual([true, false, true, false]);
    },
  );

  test('a request for the device that is under way is waited for', async () => {
    const { row, take, issue } = await setUp();
    const id = fresh('dev');
    const [verdict] = await issue(id);
    expect(verdict?.verdict).toBe('recorded');
    const one = await row(id);
    expect(sayings(await take([one]))).toEqual(['busy']);
  });

  test('the key of an imported certificate is its device’s, and its certificate is replayed', async () => {
    const { row, take, issue } = await setUp();
    const one = await row(fresh('dev'));
    await take([one]);
    const sameKey = { keyDigest: one.keyDigest };
    expect(await issue(fresh('other'), sameKey)).toMatchObject([{ code: 'key-of-another-device' }]);
    expect(await issue(one.deviceId)).toMatchObject([{ code: 'device-has-other-key' }]);
    expect(await issue(one.deviceId, sameKey)).toMatchObject([{ verdict: 'replay' }]);
    const supersede = { supersede: 'moves to our keys', labelsAsked: false };
    expect(await issue(one.deviceId, supersede)).toMatchObject([{ verdict: 'recorded' }]);
  });

  test('nothing is taken in while a restoration is not settled, or the clock is behind', async () => {
    const { store, row, take } = await setUp();
    const one = await row(fresh('dev'));
    await store.recordRestoration(actAt(1), actAt().at);
    expect(await rejection(take([one], 1))).toMatchObject({ code: 'restoration-not-settled' });
    await store.settleRestoration(actAt(1), 'nothing happened', []);
    await newGeneration(store, await newFleet(store));
    expect(await rejection(take([one], -60))).toMatchObject({ code: 'clock-behind' });
    expect(sayings(await take([one], 1))).toEqual(['imported']);
  });

  test('a chunk of any length is written whole', async () => {
    const { store, fleet, row, take } = await setUp();
    const rows: ForeignRow[] = [];
    for (let i = 0; i < 150; i++) rows.push(await row(fresh('many')));
    await take(rows.slice(0, 147));
    await take(rows);
    const search = {
      ...{ fleetId: fleet.id, deviceId: null, serial: null, keyDigest: null, batchId: null, tokenId: null },
      ...{ label: null, status: null, expiringBefore: null, at: actAt().at },
    };
    const page = await store.searchCertificates(search, 0, 500);
    expect(page.certificates).toHaveLength(150);
  });
}
