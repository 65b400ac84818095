import { type Generation, lastListEnd } from '../ca/index.ts';
import { type Asking, all, first } from './asking.ts';
import { detailsOf } from './audit.ts';
import type { Findings } from './findings.ts';
import { findGeneration } from './generations.ts';
import { findLastEnd } from './revocation-lists.ts';
import { build } from './session.ts';
import type { Check } from './verify-revocations.ts';

type Mark = 'given_up_audit_seq' | 'destroyed_audit_seq';

const ACTIONS: Readonly<Record<Mark, string>> = {
  given_up_audit_seq: 'generation-given-up',
  destroyed_audit_seq: 'generation-destroyed',
};

/** Every mark has an entry that tells of it. Gives what the entry says. */
function* verifyMark(findings: Findings, generation: Generation, mark: Mark, seq: number) {
  const said = yield* findings.readAsking(seq, 'the entry', () => detailsOf(seq, ACTIONS[mark]));
  const told = said?.id === generation.id;
  const what = mark === 'given_up_audit_seq' ? 'given up' : 'destroyed';
  const name = `${generation.authority}, generation ${generation.number},`;
  findings.expect(told, seq, `the key of ${name} is ${what} without an entry that says so`);
  return said;
}

const listsAfter = (issuerId: number, seq: number) =>
  build
    .selectFrom('revocation_list')
    .select(['number', 'next_update', 'digest', 'audit_seq'])
    .where('issuer_id', '=', issuerId)
    .where('audit_seq', '>', seq)
    .orderBy('number');

/**
 * After a key was given up its issuer has signed nothing but a last CRL, which outlives all that is under it, and
 * which is published; what may stand beside it are intents that came to nothing.
 */
function* verifyLastList(
  findings: Findings,
  member: Generation,
  from: number,
  lastCrl: unknown,
): Asking<void> {
  const says = `of ${member.authority}, generation ${member.number}, whose key was given up`;
  const lastEnd = yield* findLastEnd(member.id);
  const end = findings.read(from, `the certificate ${says}`, () => lastListEnd(member, lastEnd));
  const lists = yield* all(listsAfter(member.id, from));
  for (const { number, next_update, audit_seq } of lists)
    findings.expect(next_update >= Number(end), audit_seq, `CRL ${number} ${says}, ends too early`);
  const signed = lists.filter(({ digest }) => digest !== null);
  for (const { number, audit_seq } of signed.slice(1))
    findings.expect(false, audit_seq, `CRL ${number} ${says}, follows its last one`);
  if (member.key !== 'destroyed') return;
  const last = signed[0]?.number ?? null;
  findings.expect(last === lastCrl, from, `the last CRL ${says}, is another than was recorded`);
}

const marksOf = build
  .selectFrom('generation')
  .select(['id', 'given_up_audit_seq', 'destroyed_audit_seq'])
  .where((is) => is.or([is('given_up_audit_seq', 'is not', null), is('destroyed_audit_seq', 'is not', null)]))
  .orderBy('id');

/** What the marks stand for: that nothing stands under the generation, and that one step came after the other. */
function verifyPlace(
  findings: Findings,
  { authority, number, state, withdrawn }: Generation,
  given: number | null,
  destroyed: number | null,
): void {
  const seq = destroyed ?? given;
  const isOut = state === 'retired' || (state === 'compromised' && withdrawn);
  const says = `the key of ${authority}, generation ${number},`;
  findings.expect(isOut, seq, `${says} is given up, and the generation is ${state}`);
  const inOrder = given !== null && given < (destroyed ?? given + 1);
  findings.expect(inOrder, seq, `${says} was destroyed before it was given up`);
}

/** A key that is given up or destroyed has entries that say so, and its last CRL is the last. */
export function* verifyDestructions(findings: Findings): Asking<void> {
  for (const { id, given_up_audit_seq, destroyed_audit_seq: destroyed } of yield* all(marksOf)) {
    const member = yield* findGeneration(id);
    if (!member) continue;
    verifyPlace(findings, member, given_up_audit_seq, destroyed);
    const given = given_up_audit_seq ?? destroyed ?? 0;
    yield* verifyMark(findings, member, 'given_up_audit_seq', given);
    const said =
      destroyed === null ? undefined : yield* verifyMark(findings, member, 'destroyed_audit_seq', destroyed);
    yield* verifyLastList(findings, member, given, said?.lastCrl ?? null);
  }
}

const checkMark = (mark: Mark): Check =>
  function* ({ seq, details }, findings) {
    const row = yield* first(
      build
        .selectFrom('generation')
        .select(['authority', 'number'])
        .where('id', '=', Number(details.id))
        .where(mark, '=', seq),
    );
    const same = row?.authority === details.authority && row?.number === details.generation;
    findings.expect(same, seq, 'the entry says that a key is gone, and its generation does not');
  };

/** What the ledger must hold for an entry, by its action. */
export const DESTRUCTION_CHECKS: Readonly<Record<string, Check>> = {
  'generation-given-up': checkMark('given_up_audit_seq'),
  'generation-destroyed': checkMark('destroyed_audit_seq'),
};
