import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { newRetired } from './destruction-contract.ts';
import { findingsAfter } from './doctored.ts';
import { actAt, NOON } from './sample.ts';
import { makeFolder } from './scratch.ts';

const folder = makeFolder();
const clean = join(folder, 'clean.sqlite');

/** A ledger with a key that was destroyed: CRL 1 of before, an intent that came to nothing, and the last one. */
beforeAll(async () => {
  const store = openStoreInProcess({ file: clean, runId: '00000000000000aa', at: NOON });
  const { old, of, intent, publish } = await newRetired(store);
  await publish();
  await store.giveUpKey(actAt(), of, 'no need of it');
  await store.recordListIntent(actAt(), store.runId, await intent());
  await publish();
  await store.recordDestroyed(actAt(), old.id);
  await store.close(NOON);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a ledger with a key that was destroyed is ok where nobody touched it', () => {
  expect(verifyLedger(clean).problems).toEqual([]);
});

const COLUMNS =
  'issuer_id, number, this_update, next_update, covers, entries, tbs_digest, run_id, digest, der, audit_seq, issued_audit_seq';
const anotherList = (number: number, nextUpdate: string, digest: string): string =>
  `INSERT INTO revocation_list (${COLUMNS}) SELECT issuer_id, ${number}, this_update, ${nextUpdate}, covers, entries,
    tbs_digest, run_id, ${digest}, NULL, (SELECT max(seq) FROM audit), issued_audit_seq FROM revocation_list WHERE number = 3`;

describe('what somebody with the file in hand has changed shows:', () => {
  test.each([
    ['a CRL after the last one', anotherList(4, 'next_update', 'digest'), 'follows its last one'],
    [
      'a CRL after the last one that holds for a day',
      anotherList(4, 'this_update + 86400000', 'NULL'),
      'whose key was given up, ends too early',
    ],
    [
      'a last CRL that ends before the certificates under it',
      'UPDATE revocation_list SET next_update = this_update + 1 WHERE number = 3',
      'ends too early',
    ],
    [
      'a certificate that outlives the last CRL',
      'UPDATE intent SET not_after = 253402300799000 WHERE device IS NOT NULL',
      'ends too early',
    ],
    [
      'a last CRL that is gone',
      'UPDATE revocation_list SET digest = NULL, der = NULL WHERE number = 3',
      'is another than was recorded',
    ],
    [
      'a key that is said to be there',
      'UPDATE generation SET destroyed_audit_seq = NULL WHERE destroyed_audit_seq IS NOT NULL',
      'says that a key is gone, and its generation does not',
    ],
    [
      'a key that was never given up',
      'UPDATE generation SET given_up_audit_seq = NULL WHERE given_up_audit_seq IS NOT NULL',
      'was destroyed before it was given up',
    ],
    [
      'a key that is said to be gone',
      "UPDATE generation SET destroyed_audit_seq = 1 WHERE authority = 'root'",
      'is destroyed without an entry that says so',
    ],
    [
      'a generation that issues again',
      "UPDATE generation SET state = 'active' WHERE given_up_audit_seq IS NOT NULL",
      'is given up, and the generation is active',
    ],
  ])('%s', (_, sql, finding) => {
    expect(findingsAfter(clean, sql)).toContain(finding);
  });
});
