import type { Acknowledged } from '../../batch/index.ts';
import type { Act } from '../../ca/index.ts';
import { strideOf } from '../acknowledgement.ts';
import { getBatch, recipientDigestOf } from '../batches.ts';
import { fleetName } from './fleets.ts';
import type { Transaction } from './transaction.ts';

const SQL = {
  drop: `DELETE FROM key_envelope WHERE recipient_digest = $4 AND intent_id = ANY (ARRAY(
    SELECT intent_id FROM batch_outcome WHERE batch = $1 AND seq > $2 AND seq <= $3 AND intent_id IS NOT NULL))`,
  advance: 'UPDATE batch SET acknowledged = $2 WHERE number = $1',
} as const;

/** See `BatchStore.acknowledgeOutcomes`. */
export async function acknowledgeOutcomes(
  transaction: Transaction,
  act: Act,
  batchId: string,
  through: number,
): Promise<Acknowledged> {
  const batch = await transaction.answer(getBatch(batchId));
  if (!batch) throw new Error(`there is no batch ${batchId}`);
  const reached = strideOf(batch, through);
  if (reached === undefined) return { through: batch.acknowledged, dropped: 0 };
  const range = [batch.number, batch.acknowledged, reached] as const;
  const dropped = await transaction.change(SQL.drop, ...range, recipientDigestOf(batch));
  await transaction.change(SQL.advance, batch.number, reached);
  await transaction.appendAudit(act, {
    action: 'keys-acknowledged',
    fleet: await fleetName(transaction, batch.fleet_id),
    details: { batch: batchId, after: batch.acknowledged, through: reached, dropped },
  });
  return { through: reached, dropped };
}
