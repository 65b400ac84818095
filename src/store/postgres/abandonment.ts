import type { Act } from '../../ca/index.ts';
import { giveBack } from './quotas.ts';
import type { Transaction } from './transaction.ts';

const IS_OPEN = `i.abandoned = 0 AND NOT EXISTS (SELECT 1 FROM certificate WHERE intent_id = i.id)`;

const SQL = {
  ofIds: `SELECT i.id, i.chunk_id FROM unnest($1::bigint[]) AS w (id)
    CROSS JOIN LATERAL (SELECT * FROM intent WHERE id = w.id LIMIT 1) AS i JOIN intent_chunk k ON k.id = i.chunk_id
    WHERE k.run_id = $2 AND k.kind = 'device' AND ${IS_OPEN} ORDER BY i.id`,
  chunksOf:
    'SELECT id, kind, first_intent, last_intent, audit_seq FROM intent_chunk WHERE open > 0 AND run_id = $1',
  chunksOfOthers:
    'SELECT id, kind, first_intent, last_intent, audit_seq FROM intent_chunk WHERE open > 0 AND run_id <> $1',
  chunksOfIds: `SELECT id, kind, first_intent, last_intent, audit_seq FROM intent_chunk
    WHERE open > 0 AND run_id = $1 AND id = ANY($2::bigint[])`,
  ofChunk: `SELECT i.id, i.chunk_id FROM intent i WHERE i.id BETWEEN $1 AND $2 AND ${IS_OPEN} ORDER BY i.id`,
  abandon: 'UPDATE intent SET abandoned = 1 WHERE id = ANY($1::bigint[])',
  settle: `UPDATE intent_chunk k SET open = k.open - w.settled
    FROM (SELECT id, count(*) AS settled FROM unnest($1::bigint[]) AS c (id) GROUP BY id) AS w WHERE k.id = w.id`,
  abandonGeneration: "UPDATE generation SET state = 'abandoned' WHERE audit_seq = $1 AND state = 'staged'",
} as const;

interface OpenIntent {
  readonly id: number;
  readonly chunk_id: number;
}

interface OpenChunk {
  readonly id: number;
  readonly kind: string;
  readonly first_intent: number;
  readonly last_intent: number;
  readonly audit_seq: number;
}

/** Counts intents of chunks that are open no longer; `chunkIds` names one chunk for each of them. */
export async function settleIntents(transaction: Transaction, chunkIds: readonly number[]): Promise<void> {
  await transaction.change(SQL.settle, chunkIds);
}

async function abandon(transaction: Transaction, intents: readonly OpenIntent[]): Promise<void> {
  const ids = intents.map(({ id }) => id);
  await transaction.change(SQL.abandon, ids);
  const chunks = intents.map(({ chunk_id }) => chunk_id);
  await settleIntents(transaction, chunks);
  await giveBack(transaction, chunks);
}

/** See `Ledger.abandonIntents`. */
export async function abandonIntents(
  transaction: Transaction,
  act: Act,
  runId: string,
  intentIds: readonly number[],
): Promise<void> {
  const intents = await transaction.rows<OpenIntent>(SQL.ofIds, [...new Set(intentIds)], runId);
  if (intents.length === 0) return;
  await abandon(transaction, intents);
  const details = { run: runId, intents: intents.map(({ id }) => id) };
  await transaction.appendAudit(act, { action: 'intents-abandoned', fleet: null, details });
}

/** Gives up what is open of chunks. Gives how many intents that were. */
async function abandonChunks(
  transaction: Transaction,
  act: Act,
  chunks: readonly OpenChunk[],
): Promise<number> {
  const all: number[] = [];
  for (const chunk of chunks) {
    const open = await transaction.rows<OpenIntent>(SQL.ofChunk, chunk.first_intent, chunk.last_intent);
    await abandon(transaction, open);
    if (chunk.kind === 'authority') await transaction.change(SQL.abandonGeneration, chunk.audit_seq);
    for (const { id } of open) all.push(id);
  }
  if (all.length > 0) {
    const details = { intents: all };
    await transaction.appendAudit(act, { action: 'intents-abandoned', fleet: null, details });
  }
  return all.length;
}

/**
 * Gives up what a run left open, or all others: it can never be completed, its TBS is gone with the
 * process. Looks at chunks that count open intents alone. Gives how many there were.
 */
export async function abandonRuns(
  transaction: Transaction,
  act: Act,
  whose: 'own' | 'others',
  runId: string,
): Promise<number> {
  const chunks = await transaction.rows<OpenChunk>(
    whose === 'own' ? SQL.chunksOf : SQL.chunksOfOthers,
    runId,
  );
  return abandonChunks(transaction, act, chunks);
}

/** Gives up chunks of this run that nobody knows of: the answer to their commit was lost. */
export async function abandonUnknown(
  transaction: Transaction,
  act: Act,
  runId: string,
  chunkIds: readonly number[],
): Promise<void> {
  await abandonChunks(transaction, act, await transaction.rows<OpenChunk>(SQL.chunksOfIds, runId, chunkIds));
}
