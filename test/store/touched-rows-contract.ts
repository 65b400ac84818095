import { beforeAll, describe, expect, test } from 'vitest';
import type { Act, IntentRow } from '../../src/ca/index.ts';
import { UNBOUND } from '../../src/enrollment/index.ts';
import type { LedgerReport } from '../../src/store/index.ts';
import { newLine, type StoreUnderTest } from './line.ts';
import { actAt, completionOf, fresh, freshDigest, minutesAfter, NOON, sha256 } from './sample.ts';

/** A ledger that a store has made and closed. */
export interface ClosedLedger {
  /** What is found in a copy on which somebody has worked with the database in hand. */
  verifyTouched(sql: string): Promise<LedgerReport>;
}

const STATION = '7777777777777777';

/** A station with a quota, labels, and keys that we made, some of them acknowledged. */
async function fill(store: StoreUnderTest): Promise<void> {
  const line = await newLine(store);
  await newLine(store);
  await store.recordToken(actAt(), {
    id: STATION,
    name: 'line 7',
    role: 'station',
    rights: [],
    fleet: line.fleet.name,
    bounds: { ...UNBOUND, quota: { total: 10, perHour: 5 } },
    secretHash: freshDigest(),
    createdAt: NOON,
    expiresAt: minutesAfter(1000),
    revokedAt: null,
  });
  const act: Act = { at: minutesAfter(1), actor: { kind: 'token', id: STATION, role: 'station' } };
  const chunk = { act, runId: store.runId, fleetId: line.fleet.id, batchId: null };
  const labels = ['{"lot":"1","shift":"late"}', '{"lot":"2"}', null];
  const rows = labels.map((text, i) => line.row(`dev-${i}`, { labels: text }));
  const verdicts = await store.recordIntents({ ...chunk, rows });
  const ids = verdicts.flatMap((v) => (v.verdict === 'recorded' ? [v.intentId] : []));
  const issued = rows.map((row, i) => completionOf(row, ids[i] ?? 0)).slice(1);
  await store.recordIssued({ ...chunk, issued });
  await store.abandonIntents(actAt(1), store.runId, ids.slice(0, 1));

  const recipient = Buffer.from('a certificate');
  const recipientDigest = sha256(recipient);
  const make = async (row: IntentRow) => {
    const intentId = await line.intend(row, 1);
    const envelope = { recipientDigest, octets: Buffer.from('sealed') };
    const completion = { ...completionOf(row, intentId), envelope };
    await store.recordIssued({ ...chunk, act: actAt(1), issued: [completion] });
    return completion;
  };
  const made = [];
  for (const id of ['made-a', 'made-b', 'made-c'])
    made.push(await make(line.row(id, { made: { recipientDigest } })));
  const id = fresh('lot');
  const making = { algorithm: 'ec-p256', recipient } as const;
  const opening = { id, fleetId: line.fleet.id, tokenId: STATION, profile: null, authority: null, making };
  const { attempt } = await store.openBatch(actAt(1), store.runId, opening);
  const outcomes = made.slice(0, 2).map(({ intentId }, i) => ({
    row: i + 1,
    deviceId: null,
    status: 'issued' as const,
    intentId,
    problem: null,
    warnings: [],
  }));
  await store.recordOutcomes(actAt(1), id, attempt, outcomes);
  await store.acknowledgeOutcomes(actAt(1), id, 1);
  await store.acknowledgeKey(actAt(1), made[2]?.fingerprint ?? new Uint8Array());
}

const ofDevice = (id: string): string =>
  `(SELECT i.id FROM intent i JOIN device d ON d.id = i.device WHERE d.device_id = '${id}')`;
const putBack = (id: string): string =>
  `INSERT INTO key_envelope SELECT ${ofDevice(id)}, recipient_digest, envelope FROM key_envelope`;
const otherFleet = '(SELECT max(id) FROM fleet)';

/**
 * Rows that no entry's digest covers, and that the verifier holds against those it does: the same for
 * every engine. `close` opens a store, lets it be filled, and closes it.
 */
export function touchedRowsContract(
  close: (fill: (store: StoreUnderTest) => Promise<void>) => Promise<ClosedLedger>,
): void {
  describe('rows that were touched behind the log', () => {
    let ledger: ClosedLedger;
    beforeAll(async () => {
      ledger = await close(fill);
    });

    test('are none in a ledger that nobody touched', async () => {
      expect((await ledger.verifyTouched('SELECT 1')).problems).toEqual([]);
    });

    test.each([
      ['units given back', 'UPDATE token SET spent = 1, spent_in_hour = 1 WHERE quota_total = 10', 'units'],
      ['units of the hour', 'UPDATE token SET spent_in_hour = 1 WHERE quota_total = 10', 'in its hour'],
      [
        'the hour',
        'UPDATE token SET hour_began = hour_began - 3600000 WHERE quota_total = 10',
        'after the hour',
      ],
      ['no hour', 'UPDATE token SET hour_began = NULL WHERE quota_total = 10', 'after the hour'],
      ['units taken away', 'UPDATE token SET spent = 9 WHERE quota_total = 10', 'row says 9'],
      ['a label', "DELETE FROM intent_label WHERE name = 'shift'", 'is not found by its label'],
      [
        "a label's value",
        "UPDATE intent_label SET value = '3' WHERE value = '2'",
        'is not found by its label',
      ],
      ["a label's fleet", `UPDATE intent_label SET fleet_id = ${otherFleet}`, 'is not found by its label'],
      [
        'a label too many',
        `INSERT INTO intent_label SELECT fleet_id, 'lot', '2', ${ofDevice('dev-2')} FROM intent_label WHERE value = '2'`,
        'rows of labels',
      ],
      ["a chunk's fleet", `UPDATE intent_chunk SET fleet_id = ${otherFleet} WHERE kind = 'device'`, 'chunk'],
      ["a chunk's missing fleet", "UPDATE intent_chunk SET fleet_id = NULL WHERE kind = 'device'", 'chunk'],
      [
        "the fleet of an authority's chunk",
        "UPDATE intent_chunk SET fleet_id = 1 - fleet_id + 2 WHERE kind = 'authority'",
        'not what the entry says',
      ],
      ["a lot's envelope that was acknowledged", putBack('made-a'), 'acknowledged'],
      ["a device's envelope that was acknowledged", putBack('made-c'), 'acknowledged'],
      ['an acknowledgement taken back', 'UPDATE batch SET acknowledged = 0', 'does not know'],
      ['an acknowledgement made up', 'UPDATE batch SET acknowledged = 2', 'marked as acknowledged'],
    ])('are found: %s', async (_, sql, said) => {
      const { ok, problems } = await ledger.verifyTouched(sql);
      expect(ok).toBe(false);
      expect(problems.map(({ what }) => what).join('\n')).toContain(said);
    });
  });
}
