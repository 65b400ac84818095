import type { Act, IntentRow } from '../ca/index.ts';
import type { Session } from './session.ts';

const SQL = {
  last: 'SELECT id, last_intent, created_at FROM intent_chunk ORDER BY id DESC LIMIT 1',
  insert: `INSERT INTO intent_chunk (id, kind, run_id, batch_id, actor_id, fleet_id, created_at, first_intent, last_intent, open, imported, audit_seq)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
  settle: 'UPDATE intent_chunk SET open = open - ? WHERE id = ?',
} as const;

interface LastChunk {
  readonly id: number;
  readonly last_intent: number;
  readonly created_at: number;
}

export const lastChunk = (session: Session): LastChunk | undefined =>
  session.prepare(SQL.last).get() as LastChunk | undefined;

export interface NewChunk {
  readonly act: Act;
  readonly kind: 'device' | 'authority';
  readonly runId: string;
  readonly batchId: string | null;
  readonly fleetId: number;
  readonly intents: number;
  /** Present where they are of certificates that were issued elsewhere: none of them is open. */
  readonly origin?: 'elsewhere';
  readonly auditSeq: number;
}

/** Makes the chunk that intents of one command share. Their ids are those from `firstIntent` on. */
export function insertChunk(session: Session, chunk: NewChunk): { id: number; firstIntent: number } {
  const last = lastChunk(session);
  const id = (last?.id ?? 0) + 1;
  const firstIntent = (last?.last_intent ?? 0) + 1;
  session
    .prepare(SQL.insert)
    .run(
      id,
      chunk.kind,
      chunk.runId,
      chunk.batchId,
      chunk.act.actor.id,
      chunk.fleetId,
      chunk.act.at.getTime(),
      firstIntent,
      firstIntent + chunk.intents - 1,
      chunk.origin ? 0 : chunk.intents,
      chunk.origin ? 1 : 0,
      chunk.auditSeq,
    );
  return { id, firstIntent };
}

/** Counts intents of chunks that are open no longer; `chunkIds` names one chunk for each of them. */
export function settleIntents(session: Session, chunkIds: readonly number[]): void {
  const settled = new Map<number, number>();
  for (const id of chunkIds) settled.set(id, (settled.get(id) ?? 0) + 1);
  for (const [id, count] of settled) session.prepare(SQL.settle).run(count, id);
}

/** Where the intent of a CA's certificate stands, and whose key signs it. */
export interface CaIntentPlace {
  readonly id: number;
  readonly chunkId: number;
  readonly profileId: number;
  readonly issuerId: number;
}

type CaIntent = Pick<IntentRow, 'serial' | 'keyDigest' | 'tbsDigest' | 'notBefore' | 'notAfter'>;

/** The row of an intent that is no device's. */
export const caIntentRow = (intent: CaIntent, { id, chunkId, profileId, issuerId }: CaIntentPlace) => ({
  id,
  chunk_id: chunkId,
  issuer_id: issuerId,
  serial: intent.serial,
  device: null,
  profile_id: profileId,
  key_digest: intent.keyDigest,
  tbs_digest: intent.tbsDigest,
  not_before: intent.notBefore.getTime(),
  not_after: intent.notAfter.getTime(),
  labels: null,
  supersede: null,
});
