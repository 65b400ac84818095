import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { findingsAfter } from './doctored.ts';
import { newLine } from './line.ts';
import { actAt, hex, NOON } from './sample.ts';
import { makeFolder } from './scratch.ts';

const folder = makeFolder();
const clean = join(folder, 'clean.sqlite');

/** A device that was scrapped, one that was taken back, one whose board was swapped, one that has renewed. */
beforeAll(async () => {
  const store = openStoreInProcess({ file: clean, runId: '00000000000000aa', at: NOON });
  const line = await newLine(store);
  for (const id of ['gone', 'back']) {
    await line.issue(line.row(id));
    await store.scrapDevice(actAt(), line.fleet.id, id, 'burnt');
  }
  await store.reinstateDevice(actAt(), line.fleet.id, 'back', 'repaired');
  await line.issue(line.row('swapped'));
  const swap = { supersede: 'board', revokeOld: 'after-handshake' } as const;
  const next = await line.issue(line.row('swapped', swap));
  await store.recordSeen(actAt(), next.fingerprint);
  const old = await line.issue(line.row('renewed'));
  const renews = { intentId: old.intentId, certificate: hex(old.fingerprint) };
  await line.issue(line.row('renewed', { renews }));
  const given = await line.intend(line.row('given up'));
  await store.abandonIntents(actAt(), store.runId, [given]);
  await store.revokeAbandoned(actAt(), given, 'unspecified');
  await store.close(NOON);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a ledger of devices that were scrapped, swapped and renewed is ok where nobody touched it', () => {
  expect(verifyLedger(clean).problems).toEqual([]);
});

describe('what somebody with the file in hand has changed shows:', () => {
  test.each([
    [
      'a device taken back without an entry',
      "UPDATE device SET scrapped = 0 WHERE device_id = 'gone'",
      'device gone has another state',
    ],
    [
      'a device scrapped without an entry',
      "UPDATE device SET scrapped = 1 WHERE device_id = 'renewed'",
      'device renewed has another state',
    ],
    [
      'a change that is gone',
      "DELETE FROM device_change WHERE state = 'active'",
      'a change of a device that is not there',
    ],
    ['another reason', "UPDATE device_change SET reason = 'x'", 'otherwise than its entry says'],
    [
      'another state',
      "UPDATE device_change SET state = 'active' WHERE state = 'scrapped'",
      'otherwise than its entry says',
    ],
    [
      'a change of another device',
      "UPDATE device_change SET device = (SELECT id FROM device WHERE device_id = 'renewed') WHERE state = 'active'",
      'device renewed is active otherwise than its entry says',
    ],
    ['a sighting that is gone', 'DELETE FROM sighting', 'and it was not'],
    ['another time of it', 'UPDATE sighting SET seen_at = seen_at + 1', 'was seen otherwise'],
    [
      'a sighting of another certificate',
      'UPDATE sighting SET intent_id = (SELECT max(intent_id) FROM certificate)',
      'was seen otherwise',
    ],
    [
      'what becomes of the old certificate',
      "UPDATE intent SET revoke_old = 'now' WHERE revoke_old IS NOT NULL",
      'the rows of the ledger are not what the entry says',
    ],
    [
      'what was renewed',
      'UPDATE intent SET renews = NULL WHERE renews IS NOT NULL',
      'the rows of the ledger are not what the entry says',
    ],
    [
      'a serial that is revoked no more',
      'DELETE FROM revocation WHERE intent_id IN (SELECT id FROM intent WHERE abandoned = 1)',
      'a serial was revoked, and it is not',
    ],
    [
      'a serial that is revoked for another reason',
      "UPDATE revocation SET reason = 'superseded' WHERE reason = 'unspecified'",
      'is revoked otherwise than its entry says',
    ],
  ])('%s', (_, sql, what) => {
    expect(findingsAfter(clean, sql)).toContain(what);
  });
});
