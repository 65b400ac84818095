import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { NewDestination } from '../../src/outgoing/index.ts';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { findingsAfter } from './doctored.ts';
import { newFleet } from './line.ts';
import { actAt, NOON } from './sample.ts';
import { makeFolder } from './scratch.ts';

const folder = makeFolder();
const clean = join(folder, 'clean.sqlite');

beforeAll(async () => {
  const store = openStoreInProcess({ file: clean, runId: '00000000000000aa', at: NOON });
  const fleet = await newFleet(store);
  const hook = (id: string, name: string): NewDestination => ({
    id,
    fleetId: fleet.id,
    kind: 'webhook',
    name,
    url: 'https://erp.example.com/',
    settings: { events: ['batch.done'], expiringDays: 30, serverCa: null },
    secret: Buffer.from('sealed'),
  });
  await store.recordDestination(actAt(), hook('00000000000000a1', 'kept'));
  const { id } = await store.recordDestination(actAt(), hook('00000000000000a2', 'ended'));
  await store.removeDestination(actAt(), id);
  await store.close(NOON);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a ledger with destinations that nobody touched is ok', () => {
  expect(verifyLedger(clean).problems).toEqual([]);
});

describe('what somebody with the file in hand has changed shows:', () => {
  test.each([
    [
      'where it goes',
      "UPDATE destination SET url = 'https://evil.example' WHERE name = 'kept'",
      'the destination kept is not what its entry says',
    ],
    ['what it is told', "UPDATE destination SET settings = '{}' WHERE name = 'kept'", 'the destination kept'],
    ['no JSON at all', "UPDATE destination SET settings = 'x' WHERE name = 'kept'", 'cannot be read'],
    ['one that is gone', "DELETE FROM destination WHERE name = 'kept'", 'tells of a destination'],
    [
      'an end that was taken back',
      'UPDATE destination SET removed_at = NULL, removed_audit_seq = NULL',
      'says that a destination was ended, and it is not',
    ],
    [
      'an end that nobody ordered',
      "UPDATE destination SET removed_at = 5, removed_audit_seq = audit_seq WHERE name = 'kept'",
      'no entry tells of the end',
    ],
  ])('%s', (_what, sql, due) => {
    expect(findingsAfter(clean, sql)).toContain(due);
  });
});
