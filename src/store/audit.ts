import { createHash } from 'node:crypto';
import canonicalizeModule from 'canonicalize';
import type { Act, AuditEntry } from '../ca/index.ts';
import { build, type Session } from './session.ts';

/** The package is CommonJS, and its types claim a default export that Node does not see. */
const canonicalize = canonicalizeModule as unknown as (value: unknown) => string | undefined;

/** What stands before the first entry. */
export const GENESIS = new Uint8Array(32);

export interface AuditContent {
  readonly action: string;
  readonly fleet: string | null;
  readonly details: Readonly<Record<string, unknown>>;
}

/** What an entry's hash covers beside the hash before it. */
export interface AuditBody extends AuditContent {
  readonly seq: number;
  readonly at: string;
  readonly actor: AuditEntry['actor'];
}

/** SHA-256 over the hash before and the entry as canonical JSON (RFC 8785). */
export function auditHash(previous: Uint8Array, body: AuditBody): Uint8Array {
  const { seq, at, actor, action, fleet, details } = body;
  const text = canonicalize({ seq, at, actor, action, fleet, details });
  return createHash('sha256')
    .update(previous)
    .update(text ?? '', 'utf8')
    .digest();
}

/** Appends an entry to the chain; within the transaction of what it tells. Gives its number. */
export function appendAudit(session: Session, act: Act, content: AuditContent): number {
  const last = session.prepare('SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1').get() as
    | { seq: number; hash: Uint8Array }
    | undefined;
  const previous = last?.hash ?? GENESIS;
  const { kind, id, role } = act.actor;
  const body: AuditBody = {
    seq: (last?.seq ?? 0) + 1,
    at: act.at.toISOString(),
    actor: { kind, id, role },
    ...content,
  };
  session.run(
    build.insertInto('audit').values({
      seq: body.seq,
      at: body.at,
      actor_kind: kind,
      actor_id: id,
      actor_role: role,
      action: body.action,
      fleet: body.fleet,
      details: JSON.stringify(body.details),
      previous,
      hash: auditHash(previous, body),
    }),
  );
  return body.seq;
}

interface AuditRow {
  seq: number;
  at: string;
  actor_kind: string;
  actor_id: string;
  actor_role: string;
  action: string;
  fleet: string | null;
  details: string;
  previous: Uint8Array;
  hash: Uint8Array;
}

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

export function readAuditRow(row: AuditRow): AuditEntry {
  return {
    seq: row.seq,
    at: row.at,
    actor: { kind: row.actor_kind as AuditEntry['actor']['kind'], id: row.actor_id, role: row.actor_role },
    action: row.action,
    fleet: row.fleet,
    details: JSON.parse(row.details),
    previous: hex(row.previous),
    hash: hex(row.hash),
  };
}

/** Entries after a number, oldest first. */
export const listAudit = (session: Session, after: number, limit: number): AuditEntry[] =>
  session
    .all(build.selectFrom('audit').selectAll().where('seq', '>', after).orderBy('seq').limit(limit))
    .map(readAuditRow);

/**
 * A digest over rows: each field as its length in four octets, big-endian, and its octets; null has
 * the length 2^32 − 1. Texts are UTF-8, numbers their decimal digits.
 */
export function rowsDigest(rows: readonly (readonly (Uint8Array | string | number | null)[])[]): string {
  const hash = createHash('sha256');
  const length = Buffer.alloc(4);
  for (const field of rows.flat()) {
    const octets = typeof field === 'number' ? Buffer.from(String(field)) : field;
    const content = typeof octets === 'string' ? Buffer.from(octets, 'utf8') : octets;
    length.writeUInt32BE(content?.length ?? 0xffffffff);
    hash.update(length);
    if (content) hash.update(content);
  }
  return hash.digest('hex');
}
