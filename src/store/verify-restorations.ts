import { type Asking, all, eachRow, first } from './asking.ts';
import { detailsOf, rowsDigest } from './audit.ts';
import type { Findings } from './findings.ts';
import { elsewhereFields, restorationDetails, takenDetails } from './restorations.ts';
import { build } from './session.ts';
import type { Check } from './verify-revocations.ts';

const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other);

/** Every restoration, and every settlement, has an entry that says so. */
function* verifyMarks(findings: Findings): Asking<void> {
  const rows = yield* all(build.selectFrom('restoration').selectAll().orderBy('id'));
  for (const row of rows) {
    const began = yield* findings.readAsking(row.audit_seq, 'the entry', () =>
      detailsOf(row.audit_seq, 'ledger-restored'),
    );
    const fits = isSame(began, restorationDetails(row));
    findings.expect(fits, row.audit_seq, 'the database was put back otherwise than its entry says');
    if (row.settled_audit_seq === null) continue;
    const ended = yield* findings.readAsking(row.settled_audit_seq, 'the entry', () =>
      detailsOf(row.settled_audit_seq, 'restoration-settled'),
    );
    const told = ended !== undefined && Number(ended.restoration) >= row.id;
    findings.expect(told, row.settled_audit_seq, 'a restoration is settled without an entry that says so');
  }
}

/** Every CRL that was taken in has an entry that says so. */
function* verifyTaken(findings: Findings): Asking<void> {
  const rows = yield* all(build.selectFrom('list_taken').selectAll().orderBy('audit_seq'));
  for (const row of rows) {
    const entry = yield* findings.readAsking(row.audit_seq, 'the entry', () =>
      detailsOf(row.audit_seq, 'crl-taken'),
    );
    const fits = isSame(entry, takenDetails(row));
    findings.expect(fits, row.audit_seq, 'a CRL was taken in otherwise than its entry says');
  }
}

const elsewhereOf = (seq: number) =>
  build
    .selectFrom('revocation_elsewhere')
    .select(['issuer_id', 'serial', 'revoked_at', 'reason'])
    .where('audit_seq', '=', seq)
    .orderBy('serial');

const entriesAfter = (after: number, limit: number) =>
  build
    .selectFrom('revocation_elsewhere')
    .select('audit_seq')
    .distinct()
    .where('audit_seq', '>', after)
    .orderBy('audit_seq')
    .limit(limit);

/** Every serial that is listed for what others had revoked belongs to an entry, whose digest covers it. */
function* verifyElsewhere(findings: Findings): Asking<void> {
  yield* eachRow(
    entriesAfter,
    ({ audit_seq }) => audit_seq,
    function* ({ audit_seq: seq }) {
      const entry = yield* findings.readAsking(seq, 'the entry', () =>
        detailsOf(seq, 'serials-revoked-elsewhere'),
      );
      findings.expect(entry !== undefined, seq, 'serials are revoked without an entry that says so');
    },
  );
}

/** What was put back, and what was taken in for it, say what their entries say. */
export function* verifyRestorations(findings: Findings): Asking<void> {
  yield* verifyMarks(findings);
  yield* verifyTaken(findings);
  yield* verifyElsewhere(findings);
}

const checkElsewhere: Check = function* ({ seq, details }, findings) {
  const rows = yield* all(elsewhereOf(seq));
  const own = rows.every(({ issuer_id }) => issuer_id === details.issuer);
  const same =
    details.revoked === rows.length && details.rowsDigest === rowsDigest(rows.map(elsewhereFields));
  findings.expect(own && same, seq, 'the serials that the entry says were revoked are not those that are');
};

const checkRestored: Check = function* ({ seq }, findings) {
  const row = yield* first(build.selectFrom('restoration').select('id').where('audit_seq', '=', seq));
  findings.expect(
    row !== undefined,
    seq,
    'the entry says that the database was put back, and nothing else does',
  );
};

const checkSettled: Check = function* ({ seq }, findings) {
  const row = yield* first(build.selectFrom('restoration').select('id').where('settled_audit_seq', '=', seq));
  findings.expect(row !== undefined, seq, 'the entry settles a restoration that is not there');
};

const checkTaken: Check = function* ({ seq, details }, findings) {
  const row = yield* first(
    build
      .selectFrom('list_taken')
      .select('audit_seq')
      .where('issuer_id', '=', Number(details.issuer))
      .where('digest', '=', Buffer.from(String(details.crl), 'hex')),
  );
  findings.expect(row?.audit_seq === seq, seq, 'the entry tells of a CRL that was not taken in');
};

/** What the ledger must hold for an entry, by its action. */
export const RESTORATION_CHECKS: Readonly<Record<string, Check>> = {
  'ledger-restored': checkRestored,
  'restoration-settled': checkSettled,
  'crl-taken': checkTaken,
  'serials-revoked-elsewhere': checkElsewhere,
};
