import type { Act } from '../ca/index.ts';
import { appendAudit } from './audit.ts';
import { settleIntents } from './intent-chunks.ts';
import { giveBack } from './quotas.ts';
import type { Session } from './session.ts';

const SQL = {
  open: `SELECT i.id, i.chunk_id FROM intent i JOIN intent_chunk k ON k.id = i.chunk_id
    LEFT JOIN certificate c ON c.intent_id = i.id
    WHERE i.id = ? AND k.run_id = ? AND k.kind = 'device' AND i.abandoned = 0 AND c.intent_id IS NULL`,
  abandon: 'UPDATE intent SET abandoned = 1 WHERE id = ?',
  openChunks: {
    '=': 'SELECT id, kind, first_intent, last_intent, audit_seq FROM intent_chunk WHERE open > 0 AND run_id = ?',
    '<>': 'SELECT id, kind, first_intent, last_intent, audit_seq FROM intent_chunk WHERE open > 0 AND run_id <> ?',
  },
  openOfChunk: `SELECT i.id FROM intent i LEFT JOIN certificate c ON c.intent_id = i.id
    WHERE i.id BETWEEN ? AND ? AND i.abandoned = 0 AND c.intent_id IS NULL ORDER BY i.id`,
  settleChunk: 'UPDATE intent_chunk SET open = 0 WHERE id = ?',
  abandonGeneration: "UPDATE generation SET state = 'abandoned' WHERE audit_seq = ? AND state = 'staged'",
} as const;

interface OpenChunk {
  readonly id: number;
  readonly kind: string;
  readonly first_intent: number;
  readonly last_intent: number;
  readonly audit_seq: number;
}

/** See `Ledger.abandonIntents`. */
export function abandonIntents(
  session: Session,
  act: Act,
  runId: string,
  intentIds: readonly number[],
): void {
  const abandoned = [...new Set(intentIds)].flatMap((id) => {
    const intent = session.prepare(SQL.open).get(id, runId) as { id: number; chunk_id: number } | undefined;
    return intent ? [intent] : [];
  });
  if (abandoned.length === 0) return;
  for (const { id } of abandoned) session.prepare(SQL.abandon).run(id);
  const chunks = abandoned.map(({ chunk_id }) => chunk_id);
  settleIntents(session, chunks);
  giveBack(session, chunks);
  const details = { run: runId, intents: abandoned.map(({ id }) => id) };
  appendAudit(session, act, { action: 'intents-abandoned', fleet: null, details });
}

function abandonChunk(session: Session, chunk: OpenChunk): readonly number[] {
  const open = session
    .prepare(SQL.openOfChunk)
    .pluck()
    .all(chunk.first_intent, chunk.last_intent) as number[];
  for (const id of open) session.prepare(SQL.abandon).run(id);
  if (chunk.kind === 'authority') session.prepare(SQL.abandonGeneration).run(chunk.audit_seq);
  session.prepare(SQL.settleChunk).run(chunk.id);
  giveBack(
    session,
    open.map(() => chunk.id),
  );
  return open;
}

/**
 * Gives up what runs left open: `=` this one, `<>` all others. It can never be completed: its TBS is gone
 * with the process. Looks at chunks that count open intents alone. Gives how many there were.
 */
export function abandonRuns(session: Session, act: Act, whose: '=' | '<>', runId: string): number {
  const chunks = session.prepare(SQL.openChunks[whose]).all(runId) as OpenChunk[];
  const intents = chunks.flatMap((chunk) => abandonChunk(session, chunk));
  if (intents.length > 0) {
    appendAudit(session, act, { action: 'intents-abandoned', fleet: null, details: { intents } });
  }
  return intents.length;
}
