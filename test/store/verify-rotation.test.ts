import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Move } from '../../src/ca/index.ts';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { findingsAfter } from './doctored.ts';
import { newGeneration, newLine } from './line.ts';
import { actAt, NOON } from './sample.ts';
import { makeFolder } from './scratch.ts';

const folder = makeFolder();
const clean = join(folder, 'clean.sqlite');

/** A root in whose place another one has come. */
beforeAll(async () => {
  const store = openStoreInProcess({ file: clean, runId: '00000000000000aa', at: NOON });
  const { fleet, root } = await newLine(store);
  await newGeneration(store, fleet, { place: 'next' });
  const order = { fleetId: fleet.id, authority: 'root', number: 2, forced: null, terms: { publishHours: 0 } };
  for (const move of ['publish', 'activate'] satisfies Move[]) {
    await store.moveGeneration(actAt(), { ...order, move });
  }
  const wish = { authority: 'line-7', kind: 'issuing', profile: 'issuing', issuerId: root.id } as const;
  await newGeneration(store, fleet, wish);
  await store.compromiseGeneration(actAt(), {
    ...{ fleetId: fleet.id, authority: 'line-7', number: 1, reason: 'lost', withdrawal: 'now', confirmed: 0 },
    ...{ counted: { devices: 0, through: 0 }, under: [] },
  });
  await store.close(NOON);
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a line that was rotated is ok where nobody touched it', () => {
  expect(verifyLedger(clean).problems).toEqual([]);
});

test.each([
  [
    'a state without a move',
    "UPDATE generation SET state = 'retired' WHERE number = 1",
    'and its moves say otherwise',
  ],
  [
    'a move that is gone',
    "DELETE FROM generation_move WHERE to_state = 'draining'",
    'a move of a generation that is not there',
  ],
  [
    'a move to elsewhere',
    "UPDATE generation_move SET to_state = 'retired' WHERE to_state = 'active'",
    'otherwise than its entry says',
  ],
  [
    'a move from elsewhere',
    "UPDATE generation_move SET from_state = 'staged' WHERE to_state = 'active'",
    'otherwise than its entry says',
  ],
  ['a withdrawal that is gone', 'UPDATE generation SET withdrawn_audit_seq = NULL', 'says were withdrawn'],
  [
    'a withdrawal of another',
    `UPDATE generation SET withdrawn_audit_seq = (SELECT withdrawn_audit_seq FROM generation WHERE authority = 'line-7')
     WHERE number = 2`,
    'was withdrawn without an entry',
  ],
  ['a CA that nobody revoked', "UPDATE revocation SET reason = 'superseded'", 'of a CA that the entry says'],
  ['a CA that is revoked no more', 'DELETE FROM revocation', 'of a CA that the entry says'],
])('%s shows', (_, sql, finding) => {
  expect(findingsAfter(clean, sql)).toContain(finding);
});
