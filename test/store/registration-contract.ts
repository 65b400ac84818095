import { randomBytes } from 'node:crypto';
import { expect, test } from 'vitest';
import type { Act, IntentRow, IntentVerdict, RegistrationIntent } from '../../src/ca/index.ts';
import {
  entriesOf,
  type Given,
  generationIntent,
  type Line,
  newGeneration,
  newLine,
  rejection,
  type StoreUnderTest,
} from './line.ts';
import {
  actAt,
  certificateOf,
  completionOf,
  freshDigest,
  freshSerial,
  hex,
  minutesAfter,
  sha256,
  tbsDigestOf,
} from './sample.ts';

const REGISTRATION = { authority: 'registration', kind: 'registration' } as const;

const codes = (verdicts: readonly IntentVerdict[]): readonly string[] =>
  verdicts.map((v) => ('code' in v ? v.code : v.verdict));

/** A line with a registration CA. */
async function newRegistrar(store: StoreUnderTest) {
  const line = await newLine(store);
  const ca = await newGeneration(store, line.fleet, REGISTRATION);
  const intent = (wish: Partial<RegistrationIntent> = {}): RegistrationIntent => {
    const serial = wish.serial ?? freshSerial();
    return {
      id: randomBytes(8).toString('hex'),
      fleetId: line.fleet.id,
      name: 'images of June',
      maxDevices: 3,
      authority: null,
      profile: null,
      issuerId: ca.id,
      serial,
      keyDigest: freshDigest(),
      tbsDigest: tbsDigestOf(serial),
      notBefore: minutesAfter(-24 * 60),
      notAfter: minutesAfter(30 * 24 * 60),
      ...wish,
    };
  };
  const make = async (wish: Partial<RegistrationIntent> = {}) => {
    const intended = intent(wish);
    await store.recordRegistrationIntent(actAt(), store.runId, intended);
    const der = certificateOf(intended.serial);
    return store.recordRegistrationIssued(actAt(), store.runId, intended.id, der);
  };
  return { line, ca, intent, make };
}

/** Records rows as a device does that registers with credentials. */
const registerWith =
  (store: StoreUnderTest, line: Line, id: string) =>
  (rows: readonly IntentRow[], minutes = 0) => {
    const act: Act = {
      at: minutesAfter(minutes),
      actor: { kind: 'registration', id, role: 'registration' },
    };
    return store.recordIntents({ act, runId: store.runId, fleetId: line.fleet.id, batchId: null, rows });
  };

const rowsOf = (line: Line, count: number, prefix = 'dev'): readonly IntentRow[] =>
  Array.from({ length: count }, (_, i) => line.row(`${prefix}-${i}`));

export function registrationContract(given: Given): void {
  test('a fleet has one registration CA', async () => {
    const { store } = given;
    const { line } = await newRegistrar(store);
    const again = generationIntent(line.fleet, { ...REGISTRATION, authority: 'registration-2' });
    const second = store.recordGenerationIntent(actAt(), store.runId, again);
    expect(await rejection(second)).toMatchObject({ code: 'already-exists' });
  });

  test('credentials are there when their certificate is, and not before', async () => {
    const { store } = given;
    const { line, intent } = await newRegistrar(store);
    const intended = intent({ authority: 'line-7', profile: 'device' });
    await store.recordRegistrationIntent(actAt(), store.runId, intended);
    expect(await store.findRegistrationById(intended.id)).toBeUndefined();
    expect(await store.listRegistrations(line.fleet.id, '', 10)).toEqual([]);

    const der = certificateOf(intended.serial);
    const made = await store.recordRegistrationIssued(actAt(1), store.runId, intended.id, der);
    expect(made).toMatchObject({
      id: intended.id,
      name: 'images of June',
      maxDevices: 3,
      authority: 'line-7',
      profile: 'device',
      registered: 0,
      createdAt: actAt().at,
      notAfter: intended.notAfter,
      revokedAt: null,
    });
    expect(hex(made.certificate)).toBe(hex(der));
    expect(await store.findRegistration(sha256(der))).toEqual(made);
    expect(await store.findRegistrationById(intended.id)).toEqual(made);
    expect(await store.listRegistrations(line.fleet.id, '', 10)).toEqual([made]);
    expect(await store.findRegistration(freshDigest())).toBeUndefined();
  });

  test('their certificate is in no inventory', async () => {
    const { store } = given;
    const { line, make } = await newRegistrar(store);
    const { serial, fingerprint, keyDigest } = await make();
    expect(await store.findCertificate(fingerprint)).toBeUndefined();
    expect(await store.findCertificatesBySerial(serial)).toEqual([]);
    expect(await store.findDeviceOfKey(line.fleet.id, keyDigest)).toBeUndefined();
    expect(await store.listDevices(line.fleet.id, '', 10)).toEqual([]);
  });

  test('an intent is completed once, and by its own run', async () => {
    const { store } = given;
    const { intent, make } = await newRegistrar(store);
    const { id, serial } = await make();
    const der = certificateOf(serial);
    const complete = (run: string, which: string) =>
      store.recordRegistrationIssued(actAt(), run, which, der).catch((failure: Error) => failure.message);
    expect(await complete(store.runId, id)).toContain('no open intent');
    const intended = intent();
    await store.recordRegistrationIntent(actAt(), store.runId, intended);
    expect(await complete('another-run', intended.id)).toContain('no open intent');
    expect(await complete(store.runId, '0'.repeat(16))).toContain('no registration credentials');
  });

  test('their key is no device’s and no authority’s, ever', async () => {
    const { store } = given;
    const { line, intent } = await newRegistrar(store);
    const { keyDigest } = intent();
    await store.recordRegistrationIntent(actAt(), store.runId, intent({ keyDigest }));
    expect(codes(await line.record([line.row('dev-1', { keyDigest })]))).toEqual(['key-of-a-ca']);
    const device = line.row('dev-2');
    await line.issue(device);
    const taken = (digest: Uint8Array) =>
      rejection(store.recordRegistrationIntent(actAt(), store.runId, intent({ keyDigest: digest })));
    expect(await taken(keyDigest)).toMatchObject({ code: 'key-of-a-ca' });
    expect(await taken(device.keyDigest)).toMatchObject({ code: 'key-of-another-device' });
  });

  test('every command has its entry, with the name of the fleet', async () => {
    const { store } = given;
    const { line, make } = await newRegistrar(store);
    const entries = await entriesOf(store, async () => {
      const { id } = await make();
      await store.revokeRegistration(actAt(1), id, 'lost');
      await store.revokeRegistration(actAt(2), id, 'lost again');
    });
    expect(entries.map(({ action, fleet }) => [action, fleet])).toEqual([
      ['registration-intent-recorded', line.fleet.name],
      ['registration-issued', line.fleet.name],
      ['registration-revoked', line.fleet.name],
    ]);
  });

  test('lists are pages in order of id, a fleet at a time', async () => {
    const { store } = given;
    const { line, make } = await newRegistrar(store);
    const { make: elsewhere } = await newRegistrar(store);
    const ids = [await make(), await make(), await make()].map(({ id }) => id).sort();
    await elsewhere();
    const first = await store.listRegistrations(line.fleet.id, '', 2);
    expect(first.map(({ id }) => id)).toEqual(ids.slice(0, 2));
    const rest = await store.listRegistrations(line.fleet.id, ids[1] ?? '', 2);
    expect(rest.map(({ id }) => id)).toEqual(ids.slice(2));
  });

  test('a revocation is marked once, and the first reason stands', async () => {
    const { store } = given;
    const { make } = await newRegistrar(store);
    const { id } = await make();
    const first = await store.revokeRegistration(actAt(1), id, 'lost');
    expect(first).toMatchObject({ revokedAt: minutesAfter(1), revocationReason: 'lost' });
    expect(await store.revokeRegistration(actAt(2), id, 'again')).toEqual(first);
    const unknown = store.revokeRegistration(actAt(), '0'.repeat(16), 'lost');
    expect(await rejection(unknown)).toMatchObject({ code: 'not-found' });
  });

  test('they register as many devices as they are good for, whatever is asked at one time', async () => {
    const { store } = given;
    const { line, make } = await newRegistrar(store);
    const { id } = await make({ maxDevices: 25 });
    const register = registerWith(store, line, id);
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, (_, i) => register(rowsOf(line, 4, `lot-${i}`))),
    );
    const said = verdicts.flatMap(codes);
    expect(said.filter((v) => v === 'recorded')).toHaveLength(25);
    expect(said.filter((v) => v === 'quota-exceeded')).toHaveLength(55);
    expect((await store.findRegistrationById(id))?.registered).toBe(25);
  });

  test('what is refused spends nothing, and an abandoned intent gives its unit back, once', async () => {
    const { store } = given;
    const { line, make } = await newRegistrar(store);
    const { id } = await make({ maxDevices: 2 });
    const register = registerWith(store, line, id);
    const rows = rowsOf(line, 2);
    const verdicts = await register([...rows, line.row('DEV-0'), line.row('dev-9')]);
    expect(codes(verdicts)).toEqual(['recorded', 'recorded', 'device-id-twin', 'quota-exceeded']);
    const ids = verdicts.flatMap((v) => (v.verdict === 'recorded' ? [v.intentId] : []));
    const chunk = { act: actAt(), runId: store.runId, fleetId: line.fleet.id, batchId: null };
    await store.recordIssued({ ...chunk, issued: [completionOf(rows[0] as IntentRow, ids[0] ?? 0)] });
    await store.abandonIntents(actAt(), store.runId, ids);
    await store.abandonIntents(actAt(), store.runId, ids);
    expect((await store.findRegistrationById(id))?.registered).toBe(1);
    expect(codes(await register(rowsOf(line, 2, 'again')))).toEqual(['recorded', 'quota-exceeded']);
  });

  test('revoked, ended or unknown ones register nothing, also where the peer was let in before', async () => {
    const { store } = given;
    const { line, make } = await newRegistrar(store);
    const revoked = await make();
    await store.revokeRegistration(actAt(), revoked.id, 'lost');
    const ended = await make({ notAfter: minutesAfter(0) });
    for (const id of [revoked.id, ended.id, '0'.repeat(16)]) {
      const verdicts = await registerWith(store, line, id)([line.row('dev-1')]);
      expect(codes(verdicts)).toEqual(['unauthenticated']);
    }
    expect(await store.findDevice(line.fleet.id, 'dev-1')).toBeUndefined();
  });

  test('the certificate of a device says which credentials it was registered with', async () => {
    const { store } = given;
    const { line, make } = await newRegistrar(store);
    const { id } = await make();
    const row = line.row('dev-1');
    const [verdict] = await registerWith(store, line, id)([row]);
    const certificate = await line.complete(row, verdict?.verdict === 'recorded' ? verdict.intentId : 0);
    expect(certificate.tokenId).toBe(id);
  });
}
