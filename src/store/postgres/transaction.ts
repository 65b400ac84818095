import type pg from 'pg';
import type { Act } from '../../ca/index.ts';
import { type AuditContent, entryAfter } from '../audit.ts';
import { build } from '../session.ts';
import { OPEN_RESTORATIONS, verifyNotBehind, verifySettled } from '../verify-clock.ts';
import { PostgresSession } from './session.ts';

/** Two numbers that name our locks among all of the database's: "fca1", and which. */
const LOCKS = 0x66636131;
/** Held by the connection of the one service that works on the database. */
export const SERVICE_LOCK = `${LOCKS}, 1`;
/** Held by a transaction that writes: whoever has it sees all that was written before, and nobody writes beside. */
const WRITERS_LOCK = `${LOCKS}, 2`;

const LOCK_TIMEOUT_S = 15;

/**
 * Begins a transaction that writes. Settings are the transaction's own: whatever the session, the role
 * or the database say; but for one, that nothing is to be written, which is whoever's who set it. After the lock each statement sees what is committed, so the heads are the last.
 * Every statement of a writer goes by an index; its plan is kept, and one that was made while a table was
 * small would otherwise read the whole table when it is large.
 */
const BEGIN = `BEGIN ISOLATION LEVEL READ COMMITTED;
SET LOCAL synchronous_commit TO on;
SET LOCAL lock_timeout TO '${LOCK_TIMEOUT_S}s';
SET LOCAL enable_seqscan TO off;
SET LOCAL enable_hashjoin TO off;
SET LOCAL enable_mergejoin TO off;
SET LOCAL idle_in_transaction_session_timeout TO '60s';
SELECT pg_advisory_xact_lock(${WRITERS_LOCK})`;

const HEADS = `SELECT a.seq, a.hash, k.id AS chunk, k.last_intent, k.created_at, w.open
FROM (SELECT 1) AS one
LEFT JOIN (SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1) AS a ON true
LEFT JOIN (SELECT id, last_intent, created_at FROM intent_chunk ORDER BY id DESC LIMIT 1) AS k ON true
LEFT JOIN (${OPEN_RESTORATIONS}) AS w ON true`;

/** Where the lists stand that grow without a gap. */
interface Heads {
  readonly seq: number | null;
  readonly hash: Uint8Array | null;
  readonly chunk: number | null;
  readonly last_intent: number | null;
  readonly created_at: number | null;
  /** Restorations that nobody has settled. */
  readonly open: number;
}

/** What nobody would know of if the answer to the commit were lost: it would block slots, and stay open. */
export interface Undertaking {
  readonly chunk?: number;
  readonly attempt?: { readonly batch: number; readonly number: number };
  readonly act: Act;
}

interface Chunk {
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

/** A transaction of the writer: it knows the heads of the chain and of the intents, and moves them on. */
export class Transaction extends PostgresSession {
  #heads: Heads;
  #undertakings: readonly Undertaking[] = [];
  #isNested = false;
  readonly #known = new Map<string, unknown>();

  private constructor(client: pg.ClientBase, heads: Heads) {
    super(client, 'prepared');
    this.#heads = heads;
  }

  /** Waits for other writers. Rejects where they take too long; then the connection is in a transaction that failed. */
  static async begin(client: pg.ClientBase): Promise<Transaction> {
    const results = await new PostgresSession(client, 'prepared').script(`${BEGIN};\n${HEADS}`);
    return new Transaction(client, results.at(-1)?.rows[0] as Heads);
  }

  /** What this transaction opened, as far as it went. */
  get undertakings(): readonly Undertaking[] {
    return this.#undertakings;
  }

  undertake(undertaking: Undertaking): void {
    this.#undertakings = [...this.#undertakings, undertaking];
  }

  /** Runs a command that undoes itself, and itself alone, where it fails with what `isItsOwn` says is its own. */
  async nest<T>(run: () => Promise<T>, isItsOwn: (failure: unknown) => boolean): Promise<T> {
    const [heads, undertakings] = [this.#heads, this.#undertakings];
    // The last one stays open until the next, or the commit: one round trip less for each.
    await this.script(this.#isNested ? 'RELEASE command; SAVEPOINT command' : 'SAVEPOINT command');
    this.#isNested = true;
    try {
      return await run();
    } catch (failure) {
      if (!isItsOwn(failure)) throw failure;
      await this.script('ROLLBACK TO command');
      this.#heads = heads;
      this.#known.clear();
      this.#undertakings = undertakings;
      throw failure;
    }
  }

  /** What was read under a name before, or is read now: what cannot change while this transaction has the lock. */
  async remember<T>(name: string, read: () => Promise<T>): Promise<T> {
    if (!this.#known.has(name)) this.#known.set(name, await read());
    return this.#known.get(name) as T;
  }

  /** Refuses `restoration-not-settled` and `clock-behind`. */
  verifyClock(at: Date): void {
    verifySettled(this.#heads.open);
    verifyNotBehind(this.#heads.created_at ?? undefined, at);
  }

  /** Appends an entry to the chain. Gives its number. */
  async appendAudit(act: Act, content: AuditContent): Promise<number> {
    const { seq, hash } = this.#heads;
    const row = entryAfter(seq === null || hash === null ? undefined : { seq, hash }, act, content);
    await this.run(build.insertInto('audit').values(row));
    this.#heads = { ...this.#heads, seq: row.seq, hash: row.hash };
    return row.seq;
  }

  /** Makes the chunk that intents of one command share. Their ids are those from `firstIntent` on. */
  async insertChunk(chunk: Chunk): Promise<{ id: number; firstIntent: number }> {
    const id = (this.#heads.chunk ?? 0) + 1;
    const firstIntent = (this.#heads.last_intent ?? 0) + 1;
    const lastIntent = firstIntent + chunk.intents - 1;
    const at = chunk.act.at.getTime();
    await this.run(
      build.insertInto('intent_chunk').values({
        id,
        kind: chunk.kind,
        run_id: chunk.runId,
        batch_id: chunk.batchId,
        actor_id: chunk.act.actor.id,
        fleet_id: chunk.fleetId,
        created_at: at,
        first_intent: firstIntent,
        last_intent: lastIntent,
        open: chunk.origin ? 0 : chunk.intents,
        imported: chunk.origin ? 1 : 0,
        audit_seq: chunk.auditSeq,
      }),
    );
    this.#heads = { ...this.#heads, chunk: id, last_intent: lastIntent, created_at: at };
    if (!chunk.origin) this.undertake({ chunk: id, act: chunk.act });
    return { id, firstIntent };
  }
}
