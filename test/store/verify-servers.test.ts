import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { findingsAfter } from './doctored.ts';
import { newFleet, newGeneration } from './line.ts';
import { actAt, NOON } from './sample.ts';
import { makeFolder } from './scratch.ts';

const folder = makeFolder();
const clean = join(folder, 'clean.sqlite');

beforeAll(async () => {
  const store = openStoreInProcess({ file: clean, runId: '00000000000000aa', at: NOON });
  const fleet = await newFleet(store);
  const root = await newGeneration(store, fleet);
  const { id } = await store.recordServer(actAt(), { fleetId: fleet.id, name: 'a', kind: 'aws-iot' });
  await store.recordServer(actAt(), { fleetId: fleet.id, name: 'b', kind: 'ota-ce' });
  await store.recordRootState(actAt(), id, root.id, { state: 'handed-over', note: null });
  await store.recordRootState(actAt(), id, root.id, { state: 'confirmed', note: 'by mail' });
  await store.close(NOON);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a ledger with servers that nobody touched is ok', () => {
  expect(verifyLedger(clean).problems).toEqual([]);
});

describe('what somebody with the file in hand has changed shows:', () => {
  test.each([
    [
      'a kind',
      "UPDATE server SET kind = 'ota-ce' WHERE name = 'a'",
      'the server a is not what its entry says',
    ],
    ['a name', "UPDATE server SET name = 'c' WHERE name = 'b'", 'a server that is not there'],
    ['a server that is gone', "DELETE FROM server WHERE name = 'b'", 'a server that is not there'],
    ['a state', "UPDATE server_root SET state = 'replaced'", 'what is said of a root at the server a'],
    ['a note', 'UPDATE server_root SET note = NULL', 'what is said of a root at the server a'],
    ['who said it', "UPDATE server_root SET changed_by = 'x'", 'what is said of a root at the server a'],
    ['when', 'UPDATE server_root SET changed_at = changed_at + 1', 'what is said of a root at the server a'],
    [
      'the last word, taken back',
      "UPDATE server_root SET state = 'handed-over', note = NULL, audit_seq = (SELECT min(seq) FROM audit WHERE action = 'server-root-recorded')",
      'the entry tells of a root at a server, and the server does not',
    ],
    ['all that was said', 'DELETE FROM server_root', 'the entry tells of a root at a server'],
  ])('%s', (_what, sql, due) => {
    expect(findingsAfter(clean, sql)).toContain(due);
  });
});
