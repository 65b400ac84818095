import { createHash } from 'node:crypto';
import canonicalizeModule from 'canonicalize';
import type { Act, AuditEntry } from '../ca/index.ts';
import { type Asking, all, first } from './asking.ts';
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

/** The row of the entry that follows another, or nothing. */
export function entryAfter(
  last: { readonly seq: number; readonly hash: Uint8Array } | undefined,
  act: Act,
  content: AuditContent,
): AuditRow {
  const previous = last?.hash ?? GENESIS;
  const { kind, id, role } = act.actor;
  const body: AuditBody = {
    seq: (last?.seq ?? 0) + 1,
    at: act.at.toISOString(),
    actor: { kind, id, role },
    ...content,
  };
  return {
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
  };
}

/** Appends an entry to the chain; within the transaction of what it tells. Gives its number. */
export function appendAudit(session: Session, act: Act, content: AuditContent): number {
  const last = session.prepare('SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1').get() as
    | { seq: number; hash: Uint8Array }
    | undefined;
  const row = entryAfter(last, act, content);
  session.run(build.insertInto('audit').values(row));
  return row.seq;
}

export interface AuditRow {
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

/** The entry with a number, where it is of one of the actions. */
export function* findEntry(
  seq: number | null,
  ...actions: readonly string[]
): Asking<AuditEntry | undefined> {
  const row = yield* first(
    build
      .selectFrom('audit')
      .selectAll()
      .where('seq', '=', seq ?? 0),
  );
  return row && actions.includes(row.action) ? readAuditRow(row) : undefined;
}

/** What that entry said. */
export function* detailsOf(
  seq: number | null,
  ...actions: readonly string[]
): Asking<AuditEntry['details'] | undefined> {
  return (yield* findEntry(seq, ...actions))?.details;
}

/** Entries after a number, oldest first. */
export function* listAudit(after: number, limit: number): Asking<readonly AuditEntry[]> {
  const rows = yield* all(
    build.selectFrom('audit').selectAll().where('seq', '>', after).orderBy('seq').limit(limit),
  );
  return rows.map(readAuditRow);
}

export type Field = Uint8Array | string | number | null;

const NULL_LENGTH = 0xffffffff;

/** Octets that grow as fields are written: one buffer hashes quicker than its parts one by one. */
class FieldWriter {
  #octets = Buffer.allocUnsafe(1 << 15);
  #end = 0;

  size(value: number): void {
    this.#reserve(4);
    this.#end = this.#octets.writeUInt32BE(value, this.#end);
  }

  field(field: Field): void {
    if (field === null) this.size(NULL_LENGTH);
    else if (field instanceof Uint8Array) this.#binary(field);
    else this.#text(String(field));
  }

  written(): Uint8Array {
    return this.#octets.subarray(0, this.#end);
  }

  #binary(octets: Uint8Array): void {
    this.size(octets.length);
    this.#reserve(octets.length);
    this.#octets.set(octets, this.#end);
    this.#end += octets.length;
  }

  /** The length goes before the octets, and is known after them. */
  #text(text: string): void {
    // A UTF-16 unit takes three octets of UTF-8 at most.
    this.#reserve(4 + 3 * text.length);
    const length = this.#octets.write(text, this.#end + 4, 'utf8');
    this.#octets.writeUInt32BE(length, this.#end);
    this.#end += 4 + length;
  }

  #reserve(octets: number): void {
    const due = this.#end + octets;
    if (due <= this.#octets.length) return;
    const larger = Buffer.allocUnsafe(2 * due);
    larger.set(this.written());
    this.#octets = larger;
  }
}

/**
 * A digest over rows. Each row is the number of its fields in four octets, big-endian, and its fields;
 * each field is its length, likewise, and its octets; null has the length 2^32 − 1. Texts are UTF-8,
 * numbers their decimal digits. Rows that are cut otherwise, within or between, digest otherwise.
 */
export function rowsDigest(rows: readonly (readonly Field[])[]): string {
  const writer = new FieldWriter();
  for (const row of rows) {
    writer.size(row.length);
    for (const field of row) writer.field(field);
  }
  return createHash('sha256').update(writer.written()).digest('hex');
}
