import { type Asking, all, first } from './asking.ts';
import { build } from './session.ts';

/** What a backup says of the ledger in it. */
export interface LedgerSummary {
  /** Entries of the audit log, and the hash of the last, hex. */
  readonly entries: number;
  readonly head: string;
  readonly fleets: number;
  /** Keys that a generation signs with, certificates or CRLs: without them it is no whole backup. */
  readonly keyIds: readonly string[];
}

export function* summarizeLedger(): Asking<LedgerSummary> {
  const last = yield* first(
    build.selectFrom('audit').select(['seq', 'hash']).orderBy('seq', 'desc').limit(1),
  );
  const fleets = yield* first(build.selectFrom('fleet').select((is) => is.fn.countAll<number>().as('n')));
  const keys = yield* all(
    build
      .selectFrom('generation')
      .select('key_id')
      .where('certificate', 'is not', null)
      .where('state', 'in', ['staged', 'published', 'active', 'draining'])
      .orderBy('key_id'),
  );
  return {
    entries: last?.seq ?? 0,
    head: last ? Buffer.from(last.hash).toString('hex') : '',
    fleets: Number(fleets?.n ?? 0),
    keyIds: keys.map(({ key_id }) => key_id),
  };
}
