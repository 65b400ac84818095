import { type Asking, all, first } from './asking.ts';
import { readAuditRow } from './audit.ts';
import type { Findings } from './findings.ts';
import { build } from './session.ts';
import type { Check } from './verify-revocations.ts';

interface Change {
  readonly generation: number;
  readonly from: string;
  readonly to: string;
}

function* changesOf(seq: number): Asking<readonly Change[]> {
  const row = yield* first(build.selectFrom('audit').selectAll().where('seq', '=', seq));
  return row?.action === 'generation-moved' ? (readAuditRow(row).details.changes as readonly Change[]) : [];
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
      .select(['id', 'authority', 'number', 'state', 'imported', 'issued_audit_seq'])
      .where('certificate', 'is not', null)
      .orderBy('id'),
  );
  for (const { id, authority, number, state, issued_audit_seq: issued } of generations) {
    const moves = yield* all(movesOf(id));
    const name = `generation ${number} of ${authority}`;
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

/** What the ledger must hold for an entry, by its action. */
export const ROTATION_CHECKS: Readonly<Record<string, Check>> = {
  'generation-moved': checkMove,
  'rotation-due': checkDue,
};
