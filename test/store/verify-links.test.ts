import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { findingsAfter } from './doctored.ts';
import { newFleet, newGeneration } from './line.ts';
import {
  actAt,
  certificateOf,
  freshDigest,
  freshSerial,
  minutesAfter,
  NOON,
  sha256,
  tbsDigestOf,
} from './sample.ts';
import { makeFolder } from './scratch.ts';

const folder = makeFolder();
const clean = join(folder, 'clean.sqlite');

/** Two roots, and a link from the one to the other; another was begun. */
beforeAll(async () => {
  const store = openStoreInProcess({ file: clean, runId: '00000000000000aa', at: NOON });
  const fleet = await newFleet(store);
  const keys = [freshDigest(), freshDigest()] as const;
  const one = await newGeneration(store, fleet, { keyDigest: keys[0] });
  const two = await newGeneration(store, fleet, { place: 'next', keyDigest: keys[1] });
  for (const [subjectId, issuerId, keyDigest] of [
    [two.id, one.id, keys[1]],
    [one.id, two.id, keys[0]],
  ] as const) {
    const serial = freshSerial();
    const { intentId } = await store.recordLinkIntent(actAt(), store.runId, {
      fleetId: fleet.id,
      subjectId,
      issuerId,
      profile: 'link',
      profileDigest: sha256(Buffer.from('link')),
      keyDigest,
      serial,
      tbsDigest: tbsDigestOf(serial),
      notBefore: minutesAfter(0),
      notAfter: minutesAfter(1000),
    });
    if (subjectId === two.id)
      await store.recordLinkIssued(actAt(), store.runId, intentId, certificateOf(serial));
  }
  await store.close(NOON);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a link that was issued, and one that was given up, are ok where nobody touched them', () => {
  expect(verifyLedger(clean)).toMatchObject({ problems: [], abandoned: 1, open: 0 });
});

test.each([
  [
    'another certificate',
    "UPDATE root_link SET certificate = x'00' WHERE certificate IS NOT NULL",
    'is another than was issued',
  ],
  [
    'one turned round',
    'UPDATE root_link SET subject_id = issuer_id, issuer_id = subject_id WHERE certificate IS NOT NULL',
    'joins other roots than it says',
  ],
  [
    'one that is gone',
    'DELETE FROM root_link WHERE certificate IS NOT NULL',
    'tells of a link that is not there',
  ],
  [
    'one that was never issued',
    'UPDATE root_link SET certificate = NULL, issued_audit_seq = NULL WHERE certificate IS NOT NULL',
    'tells of a link that was not issued',
  ],
  [
    'another serial',
    "UPDATE intent SET serial = x'01' WHERE id = (SELECT min(intent_id) FROM root_link)",
    'is not what was intended',
  ],
])('%s shows', (_, sql, finding) => {
  expect(findingsAfter(clean, sql)).toContain(finding);
});
