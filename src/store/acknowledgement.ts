import type { Acknowledged } from '../batch/index.ts';
import type { Act } from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import { answer } from './asking.ts';
import { appendAudit } from './audit.ts';
import { getBatch, recipientDigestOf } from './batches.ts';
import { fleetName } from './fleets.ts';
import type { Session } from './session.ts';

/** Outcomes that one command goes through: the writer is never held up for long. */
const STRIDE = 4096;

const SQL = {
  drop: `DELETE FROM key_envelope WHERE recipient_digest = ? AND intent_id IN
    (SELECT intent_id FROM batch_outcome WHERE batch = ? AND seq > ? AND seq <= ? AND intent_id IS NOT NULL)`,
  advance: 'UPDATE batch SET acknowledged = ? WHERE number = ?',
} as const;

/** A batch as far as an acknowledgement asks about it. */
export interface Acknowledgeable {
  readonly recipient: Uint8Array | null;
  readonly last_seq: number;
  readonly acknowledged: number;
}

/** How far one command may go; undefined where all is acknowledged already. Refuses `bad-request`. */
export function strideOf(batch: Acknowledgeable, through: number): number | undefined {
  if (batch.recipient === null) {
    throw new PkiError('bad-request', 'The batch names no recipient: there are no envelopes in it.');
  }
  if (through > batch.last_seq) {
    throw new PkiError('bad-request', `The batch has ${batch.last_seq} outcomes so far.`);
  }
  return through <= batch.acknowledged ? undefined : Math.min(through, batch.acknowledged + STRIDE);
}

/** See `BatchStore.acknowledgeOutcomes`. */
export function acknowledgeOutcomes(
  session: Session,
  act: Act,
  batchId: string,
  through: number,
): Acknowledged {
  const batch = answer(session, getBatch(batchId));
  if (!batch) throw new Error(`there is no batch ${batchId}`);
  const reached = strideOf(batch, through);
  if (reached === undefined) return { through: batch.acknowledged, dropped: 0 };
  const range = [batch.number, batch.acknowledged, reached] as const;
  const { changes: dropped } = session.prepare(SQL.drop).run(recipientDigestOf(batch), ...range);
  session.prepare(SQL.advance).run(reached, batch.number);
  appendAudit(session, act, {
    action: 'keys-acknowledged',
    fleet: fleetName(session, batch.fleet_id),
    details: { batch: batchId, after: batch.acknowledged, through: reached, dropped },
  });
  return { through: reached, dropped };
}
