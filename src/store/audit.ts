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

type Field = Uint8Array | string | number | null;

const octetsOf = (field: Exclude<Field, null>): Uint8Array =>
  field instanceof Uint8Array ? field : Buffer.from(String(field), 'utf8');

/**
 * A digest over rows. Each row is the number of its fields in four octets, big-endian, and its fields;
 * each field is its length, likewise, and its octets; null has the length 2^32 − 1. Texts are UTF-8,
 * numbers their decimal digits. Rows that are cut otherwise, within or between, digest otherwise.
 */
export function rowsDigest(rows: readonly (readonly Field[])[]): string {
  const hash = createHash('sha256');
  const size = Buffer.alloc(4);
  const writeSize = (value: number): void => {
    size.writeUInt32BE(value);
    hash.update(size);
  };
  for (const row of rows) {
    writeSize(row.length);
    for (const field of row) {
      const octets = field === null ? null : octetsOf(field);
      writeSize(octets?.length ?? 0xffffffff);
      if (octets) hash.update(octets);
    }
  }
  return hash.digest('hex');
}
