import type { ForeignChunk, ForeignVerdict } from '../../ca/index.ts';
import { importEntry, planImport, writeImport } from '../foreign-certificates.ts';
import { fleetName } from './fleets.ts';
import type { Transaction } from './transaction.ts';

/** See `ImportLedger.recordForeign`. */
export async function recordForeign(
  transaction: Transaction,
  chunk: ForeignChunk,
): Promise<readonly ForeignVerdict[]> {
  if (chunk.rows.length === 0) return [];
  const { act, runId, fleetId } = chunk;
  transaction.verifyClock(act.at);
  const planned = await transaction.answer(planImport(chunk));
  const intents = planned.taken.length;
  if (intents === 0) return planned.verdicts;
  const entry = importEntry(chunk, planned, await fleetName(transaction, fleetId));
  const auditSeq = await transaction.appendAudit(act, entry);
  const shared = { act, kind: 'device', runId, batchId: null, fleetId, intents, auditSeq } as const;
  const { id: chunkId, firstIntent } = await transaction.insertChunk({ ...shared, origin: 'elsewhere' });
  await transaction.answer(writeImport(chunk, planned, { auditSeq, chunkId, firstIntent }));
  return planned.verdicts;
}
