import type { Completion, CompletionChunk } from '../ca/index.ts';
import { answer } from './asking.ts';
import { appendAudit, rowsDigest } from './audit.ts';
import { keepEnvelopes } from './envelopes.ts';
import { fleetName } from './fleets.ts';
import { settleIntents } from './intent-chunks.ts';
import { foundCompromised } from './refusals.ts';
import { findReplaced, replacedBy, revokeTargets } from './revocations.ts';
import type { Session } from './session.ts';

/** Of an intent in a fleet `d` that has lost a generation: it may take the place of a certificate under that. */
export const REPLACES_LOST =
  "EXISTS (SELECT 1 FROM generation l WHERE l.fleet_id = d.fleet_id AND l.state = 'compromised')";

/** Of a certificate's intent `o`: its generation is compromised, so that one of the same key takes its place, too. */
const IS_LOST = "EXISTS (SELECT 1 FROM generation l WHERE l.id = o.issuer_id AND l.state = 'compromised')";

const SQL = {
  intents: `SELECT i.id, i.chunk_id, i.abandoned, i.supersede IS NOT NULL OR i.renews IS NOT NULL OR ${REPLACES_LOST} AS supersedes,
    i.revoke_old, k.run_id, d.fleet_id, g.state FROM intent i
    JOIN intent_chunk k ON k.id = i.chunk_id JOIN device d ON d.id = i.device JOIN generation g ON g.id = i.issuer_id
    WHERE i.id BETWEEN ? AND ? ORDER BY i.id`,
  // That an intent is completed once is the primary key's business.
  newCertificate:
    'INSERT INTO certificate (intent_id, fingerprint, issued_at, audit_seq, der) VALUES (?, ?, ?, ?, ?)',
  supersede: `UPDATE certificate SET superseded_at = ? WHERE superseded_at IS NULL AND revoked_at IS NULL AND intent_id IN
    (SELECT o.id FROM intent n JOIN profile_version v ON v.id = n.profile_id
     JOIN intent o ON o.device = n.device AND o.id < n.id AND (o.key_digest <> n.key_digest OR n.renews IS NOT NULL OR ${IS_LOST})
     JOIN profile_version w ON w.id = o.profile_id AND w.name = v.name WHERE n.id = ?)`,
} as const;

interface IntentFacts {
  readonly id: number;
  readonly chunk_id: number;
  readonly abandoned: number;
  readonly supersedes: number;
  readonly revoke_old: string | null;
  readonly run_id: string;
  readonly fleet_id: number;
  /** Of its issuer. */
  readonly state: string;
}

/** Numbers without a gap between them: the first and the last. */
export type Range = readonly [first: number, last: number];

/** Ascending numbers as ranges. */
export function rangesOf(ids: readonly number[]): readonly Range[] {
  const ranges: [number, number][] = [];
  for (const id of ids) {
    const last = ranges.at(-1);
    if (last && last[1] === id - 1) last[1] = id;
    else ranges.push([id, id]);
  }
  return ranges;
}

/** The intents of a range, each of them open as far as its own row says, and of the chunk's run and fleet. */
function openIntents(
  session: Session,
  { runId, fleetId }: CompletionChunk,
  [first, last]: Range,
): readonly IntentFacts[] {
  const intents = session.prepare(SQL.intents).all(first, last) as IntentFacts[];
  const strange = intents.find((i) => i.abandoned !== 0 || i.run_id !== runId || i.fleet_id !== fleetId);
  if (strange || intents.length !== last - first + 1) {
    throw new Error(`not all of the intents ${first} to ${last} are open intents of this run and fleet`);
  }
  if (intents.some(({ state }) => state === 'compromised')) throw foundCompromised();
  return intents;
}

function appendEntry(
  session: Session,
  chunk: CompletionChunk,
  issued: readonly Completion[],
  intents: readonly Range[],
): number {
  return appendAudit(session, chunk.act, {
    action: 'certificates-issued',
    fleet: fleetName(session, chunk.fleetId),
    details: {
      run: chunk.runId,
      batch: chunk.batchId,
      issued: issued.length,
      // Where the verifier finds the rows: certificates have no index on their entry.
      intents,
      rowsDigest: rowsDigest(issued.map(({ intentId, fingerprint }) => [intentId, fingerprint])),
    },
  });
}

/** Revokes what is to be revoked with the completion of what replaces it. */
function revokeReplaced(
  session: Session,
  { act, fleetId }: CompletionChunk,
  intents: readonly IntentFacts[],
): void {
  const targets = intents
    .filter(({ revoke_old }) => revoke_old === 'now')
    .flatMap(({ id }) => answer(session, findReplaced(id)));
  revokeTargets(session, act, replacedBy(fleetId, 'now'), targets);
}

/** See `Ledger.recordIssued`. */
export function recordIssued(session: Session, chunk: CompletionChunk): void {
  const at = chunk.act.at.getTime();
  const issued = chunk.issued.toSorted((a, b) => a.intentId - b.intentId);
  const ranges = rangesOf(issued.map(({ intentId }) => intentId));
  const intents = ranges.flatMap((range) => openIntents(session, chunk, range));
  const auditSeq = appendEntry(session, chunk, issued, ranges);
  const newCertificate = session.prepare(SQL.newCertificate);
  for (const { intentId, fingerprint, der } of issued) {
    newCertificate.run(intentId, fingerprint, at, auditSeq, der);
  }
  keepEnvelopes(session, issued);
  for (const { id, supersedes } of intents) {
    if (supersedes) session.prepare(SQL.supersede).run(at, id);
  }
  revokeReplaced(session, chunk, intents);
  settleIntents(
    session,
    intents.map(({ chunk_id }) => chunk_id),
  );
}
