import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeBitString, encodeSequence, encodeSmallInteger } from '../../src/asn1/index.ts';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { findingsAfter } from './doctored.ts';
import { newLine } from './line.ts';
import { actAt, minutesAfter, NOON, sha256 } from './sample.ts';
import { makeFolder } from './scratch.ts';

const folder = makeFolder();
const clean = join(folder, 'clean.sqlite');

/** A ledger with one certificate that was revoked alone, two that were together, and three CRLs. */
beforeAll(async () => {
  const store = openStoreInProcess({ file: clean, runId: '00000000000000aa', at: NOON });
  const line = await newLine(store);
  const issuerId = line.root.id;
  const issued = [];
  for (const id of ['dev-1', 'dev-2', 'dev-3', 'dev-4']) issued.push(await line.issue(line.row(id)));
  const [alone, one, other] = issued.map(({ fingerprint }) => fingerprint) as [
    Uint8Array,
    Uint8Array,
    Uint8Array,
  ];
  const publish = async (number: number, complete = true) => {
    const { lastNumber, lastRevocation } = await store.findListState(issuerId);
    const tbs = encodeSequence(encodeSmallInteger(number));
    await store.recordListIntent(actAt(), store.runId, {
      issuerId,
      number,
      after: lastNumber,
      thisUpdate: minutesAfter(number),
      nextUpdate: minutesAfter(60),
      covers: lastRevocation,
      entries: 1,
      tbsDigest: sha256(tbs),
    });
    const der = encodeSequence(tbs, encodeSequence(), encodeBitString(tbs));
    if (complete) await store.recordListIssued(actAt(), store.runId, issuerId, number, der);
  };
  await store.markRevoked(actAt(), alone, 'superseded');
  await publish(1);
  const of = { device: 'dev-2' };
  const order = { fleetId: line.fleet.id, of, fingerprints: [one, other], reason: 'keyCompromise' } as const;
  await store.revokeCertificates(actAt(), order);
  await publish(2);
  await publish(3, false);
  await store.close(NOON);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a ledger with revocations and CRLs that nobody touched is ok', () => {
  expect(verifyLedger(clean).problems).toEqual([]);
});

describe('what somebody with the file in hand has changed shows:', () => {
  const TOGETHER = "reason = 'keyCompromise'";
  test.each([
    [
      'a mark taken back',
      "UPDATE certificate SET revoked_at = NULL WHERE revocation_reason = 'superseded'",
      'the certificate does not',
    ],
    [
      'one of several marks taken back',
      `UPDATE certificate SET revoked_at = NULL WHERE intent_id = (SELECT max(intent_id) FROM revocation)`,
      '3 certificates are in the list that CRLs are made from, 2 are revoked',
    ],
    [
      'a certificate revoked without an entry',
      'UPDATE certificate SET revoked_at = 1 WHERE revoked_at IS NULL',
      'revoked without an entry',
    ],
    [
      'a certificate that CRLs leave out',
      'DELETE FROM revocation WHERE serial = (SELECT min(serial) FROM revocation)',
      'not so in the list that CRLs are made from',
    ],
    [
      'one of several that is gone',
      `DELETE FROM revocation WHERE serial = (SELECT min(serial) FROM revocation WHERE ${TOGETHER})`,
      'are not those that are',
    ],
    [
      'a serial that nobody revoked',
      `UPDATE revocation SET serial = x'4142434445464748494a4b4c4d4e4f50' WHERE ${TOGETHER}
         AND serial = (SELECT min(serial) FROM revocation WHERE ${TOGETHER})`,
      'are not those that are',
    ],
    [
      'another reason',
      "UPDATE revocation SET reason = 'superseded' WHERE reason = 'keyCompromise'",
      'not so in the list',
    ],
    ['another time', 'UPDATE revocation SET revoked_at = revoked_at + 1', 'not so in the list'],
    ['an earlier end', 'UPDATE revocation SET not_after = 1', 'not so in the list'],
    [
      'other octets',
      "UPDATE revocation_list SET der = x'3003020101' WHERE number = 2",
      'has other octets than were issued',
    ],
    ['octets that are gone', 'UPDATE revocation_list SET der = NULL WHERE number = 2', 'has other octets'],
    [
      'another digest',
      'UPDATE revocation_list SET digest = zeroblob(32) WHERE number = 1',
      'is another than was issued',
    ],
    ['a longer life', 'UPDATE revocation_list SET next_update = next_update + 1', 'not what was intended'],
    ['another number', 'UPDATE revocation_list SET number = 9 WHERE number = 2', 'that is not there'],
    ['a CRL that is gone', 'DELETE FROM revocation_list WHERE number = 1', 'that is not there'],
    [
      'a CRL that was never issued',
      'UPDATE revocation_list SET digest = NULL, der = NULL, issued_audit_seq = NULL WHERE number = 2',
      'that was not issued',
    ],
    [
      'a CRL that is issued without an entry',
      "UPDATE revocation_list SET digest = zeroblob(32), der = x'3000', issued_audit_seq = 1 WHERE number = 3",
      'is another than was issued',
    ],
  ])('%s', (_, sql, what) => {
    expect(findingsAfter(clean, sql)).toContain(what);
  });
});
