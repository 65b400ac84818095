import { type Asking, eachRow, first } from './asking.ts';
import { type AuditRow, readAuditRow } from './audit.ts';
import { recipientDigestOf } from './batches.ts';
import type { Findings } from './findings.ts';
import { build } from './session.ts';

const acknowledgementsAfter = (after: number, limit: number) =>
  build
    .selectFrom('audit')
    .selectAll()
    .where('action', 'in', ['key-acknowledged', 'keys-acknowledged'])
    .where('seq', '>', after)
    .orderBy('seq')
    .limit(limit);

const STILL_THERE = 'an envelope is there that was acknowledged';

function* verifyKey(seq: number, certificate: string, findings: Findings): Asking<void> {
  const kept = yield* first(
    build
      .selectFrom('certificate as c')
      .innerJoin('key_envelope as e', 'e.intent_id', 'c.intent_id')
      .select('e.intent_id')
      .where('c.fingerprint', '=', Buffer.from(certificate, 'hex')),
  );
  findings.expect(kept === undefined, seq, STILL_THERE);
}

/** The outcomes of a batch after one and through another have no envelope left for its recipient. */
function* verifyKeys(
  seq: number,
  id: string,
  after: number,
  through: number,
  findings: Findings,
): Asking<void> {
  const batch = yield* first(
    build.selectFrom('batch').select(['number', 'recipient', 'acknowledged']).where('id', '=', id),
  );
  const digest = batch && recipientDigestOf(batch);
  const reached = (batch?.acknowledged ?? 0) >= through;
  findings.expect(reached, seq, `batch ${id} does not know what was acknowledged of it`);
  if (!batch || !digest) return;
  const kept = yield* first(
    build
      .selectFrom('batch_outcome as o')
      .innerJoin('key_envelope as e', 'e.intent_id', 'o.intent_id')
      .select('e.intent_id')
      .where('o.batch', '=', batch.number)
      .where('o.seq', '>', after)
      .where('o.seq', '<=', through)
      .where('e.recipient_digest', '=', digest)
      .limit(1),
  );
  findings.expect(kept === undefined, seq, STILL_THERE);
}

/** Checks what an entry says was acknowledged; gives how many outcomes of a batch that is. */
function* verifyAcknowledgement(row: AuditRow, findings: Findings): Asking<number> {
  const { seq, action, details } = readAuditRow(row);
  if (action === 'key-acknowledged') {
    yield* verifyKey(seq, String(details.certificate), findings);
    return 0;
  }
  const [after, through] = [Number(details.after), Number(details.through)];
  yield* verifyKeys(seq, String(details.batch), after, through, findings);
  return through - after;
}

/**
 * What was acknowledged is gone, and batches say no more of it than the entries: each reaches as far as
 * its entries, and all together no further.
 */
export function* verifyEnvelopes(findings: Findings): Asking<void> {
  let told = 0;
  yield* eachRow(
    acknowledgementsAfter,
    ({ seq }) => seq,
    function* (row) {
      const reading = () => verifyAcknowledgement(row, findings);
      told += (yield* findings.readAsking(row.seq, 'the entry', reading)) ?? 0;
    },
  );
  const summed = build.selectFrom('batch').select((is) => is.fn.sum<number | null>('acknowledged').as('n'));
  const marked = Number((yield* first(summed))?.n ?? 0);
  findings.expect(marked === told, null, `${marked} outcomes are marked as acknowledged, ${told} were`);
}
