import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { findingsAfter } from './doctored.ts';
import { newGeneration, newLine } from './line.ts';
import { actAt, certificateOf, freshDigest, freshSerial, minutesAfter, NOON, tbsDigestOf } from './sample.ts';
import { makeFolder } from './scratch.ts';

const folder = makeFolder();
const clean = join(folder, 'clean.sqlite');

/** A ledger with credentials that registered a device, some that are revoked, and some that came to nothing. */
beforeAll(async () => {
  const first = openStoreInProcess({ file: clean, runId: '00000000000000aa', at: NOON });
  const line = await newLine(first);
  const ca = await newGeneration(first, line.fleet, { authority: 'registration', kind: 'registration' });
  const make = async (id: string, complete: boolean) => {
    const serial = freshSerial();
    await first.recordRegistrationIntent(actAt(), first.runId, {
      id,
      fleetId: line.fleet.id,
      name: 'images',
      maxDevices: 9,
      authority: null,
      profile: null,
      issuerId: ca.id,
      serial,
      keyDigest: freshDigest(),
      tbsDigest: tbsDigestOf(serial),
      notBefore: minutesAfter(-9),
      notAfter: minutesAfter(9),
    });
    if (complete) await first.recordRegistrationIssued(actAt(), first.runId, id, certificateOf(serial));
  };
  await make('aaaaaaaaaaaaaaaa', true);
  await make('bbbbbbbbbbbbbbbb', true);
  await make('cccccccccccccccc', false);
  await first.revokeRegistration(actAt(), 'bbbbbbbbbbbbbbbb', 'lost');
  const actor = { kind: 'registration', id: 'aaaaaaaaaaaaaaaa', role: 'registration' } as const;
  const row = line.row('dev-1');
  const chunk = {
    act: { at: NOON, actor },
    runId: first.runId,
    fleetId: line.fleet.id,
    batchId: null,
    rows: [row],
  };
  const [verdict] = await first.recordIntents(chunk);
  await line.complete(row, verdict?.verdict === 'recorded' ? verdict.intentId : 0);
  await first.close(NOON);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a ledger with registrations that nobody touched is ok', () => {
  expect(verifyLedger(clean).problems).toEqual([]);
});

describe('what somebody with the file in hand has changed shows:', () => {
  const A = "WHERE id = 'aaaaaaaaaaaaaaaa'";
  test.each([
    [
      'more devices than were granted',
      `UPDATE registration_credential SET max_devices = 99 ${A}`,
      'not what was intended',
    ],
    [
      'a longer life',
      `UPDATE registration_credential SET not_after = not_after + 1 ${A}`,
      'not what was intended',
    ],
    ['another authority', `UPDATE registration_credential SET authority = 'x' ${A}`, 'not what was intended'],
    [
      'another key',
      `UPDATE registration_credential SET key_digest = zeroblob(32) ${A}`,
      'not what was intended',
    ],
    [
      'uses given back',
      `UPDATE registration_credential SET spent = 0 ${A}`,
      'have registered 1 devices, and their row says 0',
    ],
    [
      'another certificate',
      `UPDATE registration_credential SET certificate = x'3000' ${A}`,
      'another certificate than was issued',
    ],
    [
      'another fingerprint',
      `UPDATE registration_credential SET fingerprint = zeroblob(32) ${A}`,
      'another fingerprint',
    ],
    [
      'another fleet',
      `UPDATE registration_credential SET fleet_id = 9 ${A}`,
      "not their fleet's registration CA",
    ],
    [
      'an issuer that is no registration CA',
      `UPDATE registration_credential SET issuer_id = 1 ${A}`,
      "not their fleet's registration CA",
    ],
    [
      'a revocation taken back',
      'UPDATE registration_credential SET revoked_at = NULL WHERE revoked_at IS NOT NULL',
      'were revoked, and they are not',
    ],
    [
      'another reason',
      "UPDATE registration_credential SET revocation_reason = 'x' WHERE revoked_at IS NOT NULL",
      'revoked without an entry',
    ],
    [
      'a revocation without an entry',
      `UPDATE registration_credential SET revoked_at = 1 ${A}`,
      'revoked without an entry',
    ],
    [
      'an abandoned one that is open again',
      'UPDATE registration_credential SET abandoned = 0',
      'were abandoned, and are no longer',
    ],
    [
      'one that was abandoned without an entry',
      `UPDATE registration_credential SET abandoned = 1 ${A}`,
      'abandoned without an entry',
    ],
    ['one that is gone', `DELETE FROM registration_credential ${A}`, 'that are not there'],
    [
      'one that was never issued',
      `UPDATE registration_credential SET issued_audit_seq = NULL ${A}`,
      'were not issued',
    ],
  ])('%s', (_, sql, what) => {
    expect(findingsAfter(clean, sql)).toContain(what);
  });
});
