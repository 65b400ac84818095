import type { Completion, CompletionChunk } from '../../ca/index.ts';
import { rowsDigest } from '../audit.ts';
import { REPLACES_LOST, rangesOf } from '../completions.ts';
import { foundCompromised } from '../refusals.ts';
import { findReplaced, type RevocationTarget, replacedBy } from '../revocations.ts';
import { settleIntents } from './abandonment.ts';
import { keepEnvelopes } from './envelopes.ts';
import { fleetName } from './fleets.ts';
import { revokeTargets } from './revocations.ts';
import type { Transaction } from './transaction.ts';

const SQL = {
  intents: `SELECT i.id, i.chunk_id, i.supersede IS NOT NULL OR i.renews IS NOT NULL OR ${REPLACES_LOST} AS supersedes, i.revoke_old, g.state
    FROM unnest($1::bigint[]) AS w (id)
    CROSS JOIN LATERAL (SELECT * FROM intent WHERE id = w.id LIMIT 1) AS i
    JOIN intent_chunk k ON k.id = i.chunk_id JOIN device d ON d.id = i.device JOIN generation g ON g.id = i.issuer_id
    WHERE i.abandoned = 0 AND k.run_id = $2 AND d.fleet_id = $3`,
  // That an intent is completed once is the primary key's business.
  newCertificates: `INSERT INTO certificate (intent_id, fingerprint, issued_at, audit_seq, der)
    SELECT w.id, w.fingerprint, $1, $2, w.der FROM unnest($3::bigint[], $4::bytea[], $5::bytea[]) AS w (id, fingerprint, der)`,
  supersede: `UPDATE certificate SET superseded_at = $1 WHERE superseded_at IS NULL AND revoked_at IS NULL
    AND intent_id = ANY (ARRAY(SELECT o.id FROM unnest($2::bigint[]) AS w (id)
      CROSS JOIN LATERAL (SELECT * FROM intent WHERE id = w.id LIMIT 1) AS n
      CROSS JOIN LATERAL (SELECT * FROM intent WHERE device = n.device AND id < n.id
        AND (key_digest <> n.key_digest OR n.renews IS NOT NULL
          OR issuer_id IN (SELECT id FROM generation WHERE state = 'compromised')) OFFSET 0) AS o
      JOIN profile_version v ON v.id = n.profile_id JOIN profile_version p ON p.id = o.profile_id AND p.name = v.name))`,
} as const;

interface OpenIntent {
  readonly id: number;
  readonly chunk_id: number;
  readonly supersedes: boolean;
  readonly revoke_old: string | null;
  /** Of its issuer. */
  readonly state: string;
}

/** The intents, each of them open as far as its own row says, and of the chunk's run and fleet. */
async function openIntents(
  transaction: Transaction,
  { runId, fleetId }: CompletionChunk,
  ids: readonly number[],
): Promise<readonly OpenIntent[]> {
  const intents = await transaction.rows<OpenIntent>(SQL.intents, ids, runId, fleetId);
  if (new Set(intents.map(({ id }) => id)).size !== ids.length) {
    throw new Error(`not all of ${ids.length} intents are open intents of this run and fleet`);
  }
  if (intents.some(({ state }) => state === 'compromised')) throw foundCompromised();
  return intents;
}

async function appendEntry(
  transaction: Transaction,
  chunk: CompletionChunk,
  issued: readonly Completion[],
): Promise<number> {
  return transaction.appendAudit(chunk.act, {
    action: 'certificates-issued',
    fleet: await fleetName(transaction, chunk.fleetId),
    details: {
      run: chunk.runId,
      batch: chunk.batchId,
      issued: issued.length,
      // Where the verifier finds the rows: certificates have no index on their entry.
      intents: rangesOf(issued.map(({ intentId }) => intentId)),
      rowsDigest: rowsDigest(issued.map(({ intentId, fingerprint }) => [intentId, fingerprint])),
    },
  });
}

/** Revokes what is to be revoked with the completion of what replaces it. */
async function revokeReplaced(
  transaction: Transaction,
  { act, fleetId }: CompletionChunk,
  intents: readonly OpenIntent[],
): Promise<void> {
  const targets: RevocationTarget[] = [];
  for (const { id, revoke_old } of intents)
    if (revoke_old === 'now') targets.push(...(await transaction.answer(findReplaced(id))));
  await revokeTargets(transaction, act, replacedBy(fleetId, 'now'), targets);
}

/** See `Ledger.recordIssued`. */
export async function recordIssued(transaction: Transaction, chunk: CompletionChunk): Promise<void> {
  const at = chunk.act.at.getTime();
  const issued = chunk.issued.toSorted((a, b) => a.intentId - b.intentId);
  const ids = issued.map(({ intentId }) => intentId);
  const intents = await openIntents(transaction, chunk, ids);
  const auditSeq = await appendEntry(transaction, chunk, issued);
  await transaction.change(
    SQL.newCertificates,
    at,
    auditSeq,
    ids,
    issued.map(({ fingerprint }) => fingerprint),
    issued.map(({ der }) => der),
  );
  await keepEnvelopes(transaction, issued);
  const superseding = intents.filter(({ supersedes }) => supersedes).map(({ id }) => id);
  if (superseding.length > 0) await transaction.change(SQL.supersede, at, superseding);
  await revokeReplaced(transaction, chunk, intents);
  await settleIntents(
    transaction,
    intents.map(({ chunk_id }) => chunk_id),
  );
}
