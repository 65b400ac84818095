import type { Selectable } from 'kysely';
import type { AuditEntry } from '../ca/index.ts';
import { type Asking, all } from './asking.ts';
import { rowsDigest } from './audit.ts';
import type { Findings } from './findings.ts';
import type { intentFields } from './intents.ts';
import type { Schema } from './schema.ts';
import { build } from './session.ts';

export const OTHER_ROWS = 'the rows of the ledger are not what the entry says';

/** The rows are as many as the entry says, and its digest covers what they say. */
export function expectRows(
  { seq, details }: AuditEntry,
  findings: Findings,
  said: unknown,
  rows: Parameters<typeof rowsDigest>[0],
): void {
  findings.expect(said === rows.length, seq, 'the ledger holds another number of rows than the entry says');
  findings.expect(details.rowsDigest === rowsDigest(rows), seq, OTHER_ROWS);
}

/** A chunk, and the name of its fleet. */
export type ChunkRow = Selectable<Schema['intent_chunk']> & { readonly fleet: string | null };

export const chunksOf = (seq: number): Asking<readonly ChunkRow[]> =>
  all(
    build
      .selectFrom('intent_chunk as k')
      .leftJoin('fleet as f', 'f.id', 'k.fleet_id')
      .selectAll('k')
      .select('f.name as fleet')
      .where('k.audit_seq', '=', seq),
  );

/** The one chunk that an entry tells of; it says of itself what the entry says. */
export function* chunkOf(entry: AuditEntry, findings: Findings): Asking<ChunkRow | undefined> {
  const [chunk, ...more] = yield* chunksOf(entry.seq);
  const same =
    chunk !== undefined &&
    more.length === 0 &&
    chunk.actor_id === entry.actor.id &&
    chunk.created_at === Date.parse(entry.at) &&
    chunk.run_id === entry.details.run &&
    chunk.batch_id === entry.details.batch &&
    chunk.fleet === entry.fleet;
  findings.expect(same, entry.seq, 'the chunk of intents is not the one that the entry tells of');
  return chunk;
}

export const intentsOf = (chunk: Pick<ChunkRow, 'first_intent' | 'last_intent'>) =>
  all(
    build
      .selectFrom('intent as i')
      .innerJoin('profile_version as v', 'v.id', 'i.profile_id')
      .leftJoin('device as d', 'd.id', 'i.device')
      .select(['d.device_id', 'v.name', 'v.digest', 'i.issuer_id', 'i.serial', 'i.key_digest'])
      .select(['i.tbs_digest', 'i.not_before', 'i.not_after', 'i.labels', 'i.supersede', 'i.chunk_id'])
      .select(['i.generated', 'i.revoke_old', 'i.renews'])
      .where('i.id', '>=', chunk.first_intent)
      .where('i.id', '<=', chunk.last_intent)
      .orderBy('i.id'),
  );

type Found = ReturnType<typeof intentsOf> extends Asking<readonly (infer Row)[]> ? Row : never;

/** An intent's row as `intentFields` takes it. */
export const fieldsOfIntent = (row: Found): Parameters<typeof intentFields>[0] => ({
  deviceId: row.device_id ?? '',
  profile: row.name,
  profileDigest: row.digest,
  issuerId: row.issuer_id,
  serial: row.serial,
  keyDigest: row.key_digest,
  tbsDigest: row.tbs_digest,
  notBefore: row.not_before,
  notAfter: row.not_after,
  labels: row.labels,
  supersede: row.supersede,
  made: row.generated,
  revokeOld: row.revoke_old,
  renews: row.renews,
});
