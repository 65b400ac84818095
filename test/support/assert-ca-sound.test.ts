import { createHash } from 'node:crypto';
import { copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from 'vitest';
import {
  type CaContext,
  createAuthority,
  createFleet,
  createInlineSteps,
  createRegistration,
  findIssuer,
  issue,
  prepareGrants,
} from '../../src/ca/index.ts';
import { type Grant, UNBOUND } from '../../src/enrollment/index.ts';
import { createPolicy } from '../../src/policy/index.ts';
import { makeDeviceKey } from '../../src/pool/index.ts';
import { type Connection, openWriter } from '../../src/store/driver.ts';
import type { Store } from '../../src/store/index.ts';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { assertCaSound, checkCaSound } from './assert-ca-sound.ts';
import { makeCsr, makeKey } from './csr.ts';
import { decide } from './decide.ts';
import { fixedClock, seededRandom } from './fixed.ts';
import { contextOf } from './memory-ca.ts';
import { memoryKeystore } from './memory-keystore.ts';

const folder = mkdtempSync(join(tmpdir(), 'fleetca-sound-'));
const sound = join(folder, 'sound.sqlite');
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const clock = fixedClock();
const act = () => ({ at: clock.now(), actor: { kind: 'service', id: 'service', role: 'service' } }) as const;

function contextOn(ledger: Store): CaContext {
  const tools = { keystore: memoryKeystore(), policy: createPolicy(), random: seededRandom('sound') };
  const steps = createInlineSteps(tools);
  return {
    ...tools,
    ledger,
    registrations: ledger,
    servers: ledger,
    revocations: ledger,
    restorations: ledger,
    devices: ledger,
    rotation: ledger,
    links: ledger,
    expiries: ledger,
    imports: ledger,
    steps,
    clock,
    runId: ledger.runId,
    stranded: new Set(),
  };
}

const granted = (...args: Parameters<typeof decide>): Grant => {
  const grant = decide(...args);
  if ('code' in grant) throw grant;
  return grant;
};

/** A fleet with a root, an issuing authority, three devices, one of them replaced, and a lot. */
beforeAll(async () => {
  const store = openStoreInProcess({ file: sound, runId: '00000000000000aa', at: clock.now() });
  const ca = contextOn(store);
  const fleet = await createFleet(ca, act(), {
    name: 'demo',
    target: 'generic',
    gatewayUrl: null,
    gatewayRoot: null,
  });
  const wish = { keyAlgorithm: 'ec-p256', profile: null, commonName: null } as const;
  await createAuthority(ca, act(), fleet, { ...wish, name: 'root', kind: 'root' });
  await createAuthority(ca, act(), fleet, { ...wish, name: 'line-7', kind: 'issuing' });
  await createAuthority(ca, act(), fleet, { ...wish, name: 'registration', kind: 'registration' });
  const given = { name: 'images', maxDevices: 5, validityDays: 30, authority: null, profile: null };
  await createRegistration(ca, act(), fleet, given, makeDeviceKey);
  const issuer = await findIssuer(ca, fleet.id, null);
  const opening = { id: 'lot', fleetId: fleet.id, tokenId: 'x', profile: null, authority: null };
  await store.openBatch(act(), store.runId, opening);
  const ids = ['dev-1', 'dev-2', 'd\u00e9v-3'];
  const context = contextOf(fleet, issuer);
  const grants = ids.map((deviceId) => granted(makeCsr({ deviceId, key: makeKey() })));
  const chunk = await prepareGrants(ca, { context, grants, at: clock.now() });
  const outcomes = await issue(ca, { act: act(), fleetId: fleet.id, batchId: 'lot', chunk });
  const rows = outcomes.map((outcome, i) => {
    if (outcome.status === 'refused') throw outcome.refusal;
    const { intentId } = outcome.certificate;
    return {
      row: i + 1,
      deviceId: ids[i] ?? null,
      status: outcome.status,
      intentId,
      problem: null,
      warnings: [],
    };
  });
  await store.recordOutcomes(act(), 'lot', 1, rows);
  await store.closeAttempt(act(), 'lot', 1, 'complete');
  clock.set('2026-06-01T12:01:00Z');
  const replacement = granted(
    makeCsr({ deviceId: 'dev-1' }),
    { supersede: { reason: 'new board' } },
    'generic',
    {
      id: '0011223344556677',
      name: 'line',
      role: 'security',
      rights: ['supersede'],
      fleet: 'demo',
      bounds: UNBOUND,
    },
  );
  const again = await prepareGrants(ca, { context, grants: [replacement], at: clock.now() });
  await issue(ca, { act: act(), fleetId: fleet.id, batchId: null, chunk: again });
  await store.close(clock.now());
});

function planted(work: (connection: Connection) => void): string {
  const own = mkdtempSync(join(tmpdir(), 'fleetca-unsound-'));
  onTestFinished(() => rmSync(own, { recursive: true, force: true }));
  const file = join(own, 'planted.sqlite');
  copyFileSync(sound, file);
  const connection = openWriter(file, () => undefined);
  connection.pragma('foreign_keys = OFF');
  work(connection);
  connection.close();
  return file;
}

/** Every fault that is found where something was planted, in one text. */
const faultsOf = async (sql: string): Promise<string> => {
  const file = planted((connection) => connection.exec(sql));
  return (await checkCaSound(file, { stopped: true })).join('\n');
};

test('an authority that works is sound', async () => {
  expect(await checkCaSound(sound, { stopped: true })).toEqual([]);
  await assertCaSound(sound, { stopped: true });
});

test('an authority at work is sound, with intents open', async () => {
  const file = planted(() => undefined);
  const store = openStoreInProcess({ file, runId: '00000000000000bb', at: clock.now() });
  const rows = await store.listGenerations(1);
  const issuerId = rows[1]?.id ?? 0;
  const digest = (text: string) => createHash('sha256').update(text).digest();
  await store.recordIntents({
    act: act(),
    runId: store.runId,
    fleetId: 1,
    batchId: null,
    rows: [
      {
        deviceId: 'dev-9',
        foldedId: 'dev-9',
        profile: 'device',
        profileDigest: digest('p'),
        issuerId,
        serial: digest('s').subarray(0, 16),
        keyDigest: digest('k'),
        tbsDigest: digest('t'),
        notBefore: clock.now(),
        notAfter: clock.now(),
        notAfterAsked: false,
        labels: null,
        labelsAsked: false,
        supersede: null,
        made: null,
        revokeOld: null,
        renews: null,
      },
    ],
  });
  expect(await checkCaSound(file)).toEqual([]);
  expect((await checkCaSound(file, { stopped: true })).join()).toContain('an intent is open');
  await store.close(clock.now());
  expect(await checkCaSound(file, { stopped: true })).toEqual([]);
});

const last = '(SELECT max(intent_id) FROM certificate)';
const first = '(SELECT min(intent_id) FROM certificate)';

describe('it finds what was planted', () => {
  test.each([
    [
      'a certificate that does not parse',
      `UPDATE certificate SET der = x'3000' WHERE intent_id = ${last}`,
      'does not parse',
    ],
    [
      'a certificate of another intent',
      `UPDATE certificate SET der = (SELECT der FROM certificate WHERE intent_id = ${first}) WHERE intent_id = ${last}`,
      'another serial than was intended',
    ],
    ['a certificate without an intent', `DELETE FROM intent WHERE id = ${last}`, 'has no intent that could'],
    [
      'a certificate without its entry',
      `UPDATE certificate SET audit_seq = 1`,
      'no audit entry for its completion',
    ],
    [
      'an intent without its entry',
      `UPDATE intent_chunk SET audit_seq = 1 WHERE kind = 'device'`,
      'no audit entry for its intent',
    ],
    [
      'an intent with no entry at all',
      'UPDATE intent_chunk SET audit_seq = 9999',
      'an intent has no audit entry',
    ],
    [
      'a given-up intent with a certificate',
      `UPDATE intent SET abandoned = 1 WHERE id = ${last}`,
      'has no intent that could be completed',
    ],
    [
      'a completed intent without one',
      `DELETE FROM certificate WHERE intent_id = ${last}`,
      'counts open ones that are not',
    ],
    [
      'a chunk that counts wrongly',
      "UPDATE intent_chunk SET open = 1 WHERE kind = 'authority'",
      'counts open ones that are not',
    ],
    [
      'a chunk that is longer than its intents',
      'UPDATE intent_chunk SET last_intent = last_intent + 1',
      'another number of intents than it says',
    ],
    [
      'an intent of another chunk',
      'UPDATE intent SET chunk_id = 1',
      'an intent is not of the chunk that it points to',
    ],
    [
      'two live certificates in a slot',
      'UPDATE certificate SET superseded_at = NULL',
      'two live certificates',
    ],
    [
      'a slot with none',
      `UPDATE certificate SET superseded_at = 1 WHERE intent_id = ${last}`,
      'is superseded',
    ],
    ['a slot that holds the old one', 'UPDATE slot SET intent_id = 1', 'does not hold its newest'],
    [
      'an issuer of another fleet',
      'UPDATE device SET fleet_id = 2',
      'does not lead to the root of its fleet',
    ],
    [
      'a chain without an end',
      `UPDATE generation SET issuer_id = 99 WHERE kind = 'issuing'`,
      'leads to no root',
    ],
    [
      'an authority with the certificate of another',
      `UPDATE generation SET certificate = (SELECT certificate FROM generation WHERE kind = 'root')`,
      'has another key than is on record',
    ],
    ['two active roots', `UPDATE generation SET kind = 'root'`, 'has two active'],
    [
      'an authority without an intent',
      'DELETE FROM intent WHERE device IS NULL',
      'made without an intent that could be completed',
    ],
    [
      'an outcome without a certificate',
      'UPDATE batch_outcome SET intent_id = NULL',
      'points to no certificate',
    ],
    [
      'an outcome with a device of its own',
      `UPDATE batch_outcome SET device_id = 'dev-9'`,
      'another device or fleet',
    ],
    [
      'a refusal without a reason',
      `UPDATE batch_outcome SET status = 'refused', intent_id = NULL`,
      'or no problem',
    ],
    ['a gap in the outcomes', 'UPDATE batch_outcome SET seq = 7 WHERE seq = 2', 'without a gap'],
    ['a lost outcome', 'DELETE FROM batch_outcome WHERE seq = 2', 'the counts of an attempt'],
    ['an attempt that never ended', `UPDATE batch_attempt SET state = 'receiving'`, 'an attempt receives'],
    ['a device folded wrongly', `UPDATE device SET folded_id = 'x' || folded_id`, 'another folded ID'],
    [
      'a key of two kinds',
      'INSERT INTO device_key (fleet_id, key_digest, device) SELECT 1, key_digest, 1 FROM ca_key LIMIT 1',
      'a key is an authority',
    ],
    [
      'registration credentials of another CA',
      `UPDATE registration_credential SET issuer_id = (SELECT id FROM generation WHERE kind = 'root')`,
      'are not of the registration CA of their fleet',
    ],
    [
      'registration credentials with another certificate',
      `UPDATE registration_credential SET certificate = (SELECT der FROM certificate LIMIT 1)`,
      'are not what was intended',
    ],
    [
      'registration credentials that count a device too many',
      'UPDATE registration_credential SET spent = 1',
      'another number of devices',
    ],
    [
      'registration credentials that count as a device',
      'UPDATE certificate SET fingerprint = (SELECT fingerprint FROM registration_credential) WHERE intent_id = (SELECT max(intent_id) FROM certificate)',
      'counts as a device',
    ],
    [
      'registration credentials that are under way for ever',
      'UPDATE registration_credential SET certificate = NULL, fingerprint = NULL, issued_audit_seq = NULL',
      'are under way',
    ],
    [
      'a device under the registration CA',
      `UPDATE intent SET issuer_id = (SELECT id FROM generation WHERE kind = 'registration') WHERE device IS NOT NULL`,
      'does not lead to the root of its fleet',
    ],
    ['a row that points nowhere', 'DELETE FROM fleet', 'points to one that is not there'],
    ['an edited log', `UPDATE audit SET actor_id = 'x' WHERE seq = 2`, 'audit entry 2'],
  ])('%s', async (_, sql, what) => {
    expect(await faultsOf(sql)).toContain(what);
  });

  test('one serial twice under one issuer', async () => {
    const file = planted((connection) => {
      // The schema forbids it: the table is made again without that line.
      const { sql } = connection.prepare("SELECT sql FROM sqlite_schema WHERE name = 'intent'").get() as {
        sql: string;
      };
      const loose = sql.replace('TABLE intent', 'TABLE copy').replace(/,\s*UNIQUE \(issuer_id, serial\)/, '');
      connection.exec(`${loose}; INSERT INTO copy SELECT * FROM intent; DROP TABLE intent;
        ALTER TABLE copy RENAME TO intent;
        UPDATE intent SET serial = (SELECT serial FROM intent WHERE device IS NOT NULL) WHERE device IS NOT NULL`);
    });
    expect((await checkCaSound(file)).join()).toContain('a serial is used twice');
  });

  test('a leaf under an issuer that ended before it, and that has another key', async () => {
    const other = openStoreInProcess({ file: ':memory:', runId: '00000000000000cc', at: clock.now() });
    const ca = contextOn(other);
    const long = { ...act(), at: new Date('1990-01-01T00:00:00Z') };
    const fleet = await createFleet(ca, long, {
      name: 'demo',
      target: 'generic',
      gatewayUrl: null,
      gatewayRoot: null,
    });
    const wish = { keyAlgorithm: 'ec-p256', profile: null, commonName: null } as const;
    await createAuthority(ca, long, fleet, { ...wish, name: 'root', kind: 'root' });
    const { generation } = await createAuthority(ca, long, fleet, {
      ...wish,
      name: 'line-7',
      kind: 'issuing',
    });
    await other.close(clock.now());
    const file = planted((connection) => {
      connection
        .prepare("UPDATE generation SET certificate = ? WHERE kind = 'issuing'")
        .run(generation.certificate);
    });
    const faults = await checkCaSound(file);
    const leaves = faults.filter((fault) => fault.startsWith('certificate '));
    expect(leaves.join()).toContain('outlives what is above it');
    expect(leaves.join()).toContain('was not issued by its issuer');
  });
});

test('it throws with what it found', async () => {
  const file = planted((connection) => connection.exec("UPDATE audit SET actor_id = 'x' WHERE seq = 2"));
  await expect(assertCaSound(file)).rejects.toThrow(/audit entry 2/);
});
