import type { ForeignChunk, ForeignVerdict } from '../ca/index.ts';
import { answer } from './asking.ts';
import { appendAudit } from './audit.ts';
import { fleetName } from './fleets.ts';
import { importEntry, planImport, writeImport } from './foreign-certificates.ts';
import { insertChunk } from './intent-chunks.ts';
import type { Session } from './session.ts';
import { verifyClock } from './verify-clock.ts';

/** See `ImportLedger.recordForeign`. */
export function recordForeign(session: Session, chunk: ForeignChunk): readonly ForeignVerdict[] {
  if (chunk.rows.length === 0) return [];
  const { act, runId, fleetId } = chunk;
  verifyClock(session, act.at);
  const planned = answer(session, planImport(chunk));
  const intents = planned.taken.length;
  if (intents === 0) return planned.verdicts;
  const auditSeq = appendAudit(session, act, importEntry(chunk, planned, fleetName(session, fleetId)));
  const shared = { act, kind: 'device', runId, batchId: null, fleetId, intents, auditSeq } as const;
  const { id: chunkId, firstIntent } = insertChunk(session, { ...shared, origin: 'elsewhere' });
  answer(session, writeImport(chunk, planned, { auditSeq, chunkId, firstIntent }));
  return planned.verdicts;
}
