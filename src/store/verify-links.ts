import { type Asking, all, first } from './asking.ts';
import { detailsOf } from './audit.ts';
import type { Findings } from './findings.ts';
import { issuedLinkDetails, linkDetails } from './links.ts';
import { build } from './session.ts';
import type { Check } from './verify-revocations.ts';

const links = build
  .selectFrom('root_link as l')
  .innerJoin('intent as i', 'i.id', 'l.intent_id')
  .innerJoin('generation as s', 's.id', 'l.subject_id')
  .innerJoin('generation as g', 'g.id', 'l.issuer_id')
  .select([
    'l.intent_id',
    'l.subject_id',
    'l.issuer_id',
    'l.certificate',
    'l.audit_seq',
    'l.issued_audit_seq',
  ])
  .select(['i.serial', 'i.tbs_digest', 'i.key_digest', 'i.issuer_id as signer', 's.key_digest as own'])
  .select(['s.fleet_id as subject_fleet', 'g.fleet_id as issuer_fleet'])
  .orderBy('l.intent_id');

type LinkRow = Awaited<ReturnType<typeof links.execute>>[number];

const same = (a: unknown, b: unknown): boolean => JSON.stringify(a) === JSON.stringify(b);
const equal = (a: Uint8Array, b: Uint8Array): boolean => Buffer.compare(a, b) === 0;

const pairOf = ({ subject_id, issuer_id }: LinkRow) => ({ subjectId: subject_id, issuerId: issuer_id });

/** Links have the key of their root, of the fleet of the one that signed, and are what their entries tell of. */
export function* verifyLinks(findings: Findings): Asking<void> {
  for (const row of yield* all(links)) {
    const { audit_seq: seq, issued_audit_seq: issuedSeq, certificate } = row;
    const says = `the link of intent ${row.intent_id}`;
    const kept = row.signer === row.issuer_id && row.subject_fleet === row.issuer_fleet;
    findings.expect(kept && equal(row.own, row.key_digest), seq, `${says} joins other roots than it says`);
    const intended = yield* findings.readAsking(seq, 'the entry', () =>
      detailsOf(seq, 'link-intent-recorded'),
    );
    const due = linkDetails({
      ...pairOf(row),
      serial: row.serial,
      tbsDigest: row.tbs_digest,
      keyDigest: row.key_digest,
    });
    findings.expect(same(intended, due), seq, `${says} is not what was intended`);
    if (certificate === null) continue;
    const issued = yield* findings.readAsking(issuedSeq, 'the entry', () =>
      detailsOf(issuedSeq, 'link-issued'),
    );
    const told = same(issued, issuedLinkDetails(pairOf(row), certificate));
    findings.expect(told, issuedSeq, `${says} is another than was issued`);
  }
}

const checkIntent: Check = function* ({ seq }, findings) {
  const row = yield* first(build.selectFrom('root_link').select('intent_id').where('audit_seq', '=', seq));
  findings.expect(row !== undefined, seq, 'the entry tells of a link that is not there');
};

const checkIssued: Check = function* ({ seq }, findings) {
  const row = yield* first(
    build.selectFrom('root_link').select('intent_id').where('issued_audit_seq', '=', seq),
  );
  findings.expect(row !== undefined, seq, 'the entry tells of a link that was not issued');
};

/** What the ledger must hold for an entry, by its action. */
export const LINK_CHECKS: Readonly<Record<string, Check>> = {
  'link-intent-recorded': checkIntent,
  'link-issued': checkIssued,
};
