import { type Asking, all, first } from './asking.ts';
import { readAuditRow } from './audit.ts';
import { CA_REASON } from './compromise.ts';
import type { Findings } from './findings.ts';
import { build } from './session.ts';
import type { Check } from './verify-revocations.ts';

interface Change {
  readonly generation: number;
  readonly from: string;
  readonly to: string;
}

const MOVING: ReadonlySet<string> = new Set(['generation-moved', 'generation-compromised']);

function* changesOf(seq: number): Asking<readonly Change[]> {
  const row = yield* first(build.selectFrom('audit').selectAll().where('seq', '=', seq));
  return row && MOVING.has(row.action) ? (readAuditRow(row).details.changes as readonly Change[]) : [];
}

function* withdrawnBy(seq: number): Asking<readonly number[]> {
  const row = yield* first(build.selectFrom('audit').selectAll().where('seq', '=', seq));
  const isDecision = row?.action === 'generation-compromised';
  return isDecision ? (readAuditRow(row).details.withdrawn as readonly number[]) : [];
}

/** What left the trust bundle for good is what an entry says. */
function* verifyWithdrawal(findings: Findings, id: number, seq: number | null, name: string): Asking<void> {
  if (seq === null) return;
  const said = yield* findings.readAsking(seq, 'the entry', () => withdrawnBy(seq));
  const told = said?.includes(id) === true;
  findings.expect(told, seq, `${name} was withdrawn without an entry that says so`);
}

const movesOf = (generationId: number) =>
  build
    .selectFrom('generation_move')
    .selectAll()
    .where('generation_id', '=', generationId)
    .orderBy('audit_seq');

/** A generation is in the state of its last move, each move begins where the one before ended, and entries tell of all. */
export function* verifyGenerationStates(findings: Findings): Asking<void> {
  const generations = yield* all(
    build
      .selectFrom('generation')
      .select(['id', 'authority', 'number', 'state', 'issued_audit_seq', 'withdrawn_audit_seq'])
      .where('certificate', 'is not', null)
      .orderBy('id'),
  );
  for (const { id, authority, number, state, issued_audit_seq: issued, ...left } of generations) {
    const moves = yield* all(movesOf(id));
    const name = `generation ${number} of ${authority}`;
    yield* verifyWithdrawal(findings, id, left.withdrawn_audit_seq, name);
    let before = moves[0]?.from_state ?? state;
    for (const { audit_seq: seq, from_state: from, to_state: to } of moves) {
      const said = (yield* findings.readAsking(seq, 'the entry', () => changesOf(seq))) ?? [];
      const told = said.some((one) => one.generation === id && one.from === from && one.to === to);
      findings.expect(told && from === before, seq, `${name} was moved otherwise than its entry says`);
      before = to;
    }
    const began = moves[0]?.from_state ?? state;
    const sound = state === before && (began === 'active' || began === 'staged');
    findings.expect(
      sound,
      moves.at(-1)?.audit_seq ?? issued ?? 0,
      `${name} is ${state}, and its moves say otherwise`,
    );
  }
}

const checkMove: Check = function* ({ seq, details }, findings) {
  for (const { generation } of details.changes as readonly Change[]) {
    const row = yield* first(
      build
        .selectFrom('generation_move')
        .select('audit_seq')
        .where('generation_id', '=', generation)
        .where('audit_seq', '=', seq),
    );
    findings.expect(row !== undefined, seq, 'the entry tells of a move of a generation that is not there');
  }
};

/** A decision has its moves, its withdrawals, and the certificate that it revoked. */
const checkCompromise: Check = function* (entry, findings) {
  const { seq, at, details } = entry;
  yield* checkMove(entry, findings);
  const rows = yield* all(
    build.selectFrom('generation').select('id').where('withdrawn_audit_seq', '=', seq).orderBy('id'),
  );
  const withdrawn = (details.withdrawn as readonly number[]).toSorted((a, b) => a - b);
  const same = JSON.stringify(rows.map(({ id }) => id)) === JSON.stringify(withdrawn);
  findings.expect(same, seq, 'the generations that the entry says were withdrawn are not those that are');
  const listed = yield* all(
    build
      .selectFrom('revocation')
      .select(['issuer_id', 'serial', 'revoked_at', 'reason'])
      .where('audit_seq', '=', seq)
      .orderBy('issuer_id')
      .orderBy('serial'),
  );
  const found = listed.map((row) => ({
    issuer: row.issuer_id,
    serial: Buffer.from(row.serial).toString('hex'),
  }));
  const isRevoked =
    JSON.stringify(found) === JSON.stringify(details.revoked) &&
    listed.every((row) => row.revoked_at === Date.parse(at) && row.reason === CA_REASON);
  findings.expect(
    isRevoked,
    seq,
    'the certificate of a CA that the entry says was revoked is not, or otherwise',
  );
};

const checkDue: Check = function* ({ seq, details }, findings) {
  const row = yield* first(
    build
      .selectFrom('rotation_due')
      .select(['generation_id', 'urgency'])
      .where('generation_id', '=', Number(details.generation))
      .where('audit_seq', '=', seq),
  );
  findings.expect(row?.urgency === details.urgency, seq, 'the entry tells of a rotation that is not due');
};

const checkExpiring: Check = function* ({ seq, details }, findings) {
  const row = yield* first(
    build
      .selectFrom('authority_expiring')
      .select('within_days')
      .where('generation_id', '=', Number(details.generation))
      .where('audit_seq', '=', seq),
  );
  findings.expect(
    row?.within_days === details.withinDays,
    seq,
    'the entry tells of the end of an authority, and the ledger does not',
  );
};

/** What the ledger must hold for an entry, by its action. */
export const ROTATION_CHECKS: Readonly<Record<string, Check>> = {
  'generation-moved': checkMove,
  'generation-compromised': checkCompromise,
  'rotation-due': checkDue,
  'authority-expiring': checkExpiring,
};
