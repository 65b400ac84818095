import { createHash } from 'node:crypto';
import type { AuditEntry } from '../ca/index.ts';
import { type Asking, all, first } from './asking.ts';
import { detailsOf, readAuditRow } from './audit.ts';
import type { Findings } from './findings.ts';
import { registrationDetails } from './registrations.ts';
import { build } from './session.ts';

const sha256 = (octets: Uint8Array): string => createHash('sha256').update(octets).digest('hex');

type Details = Readonly<Record<string, unknown>>;

/** Every row of registration credentials has entries that say what it says. */
export function* verifyRegistrationRows(findings: Findings): Asking<void> {
  const abandonments = yield* all(
    build.selectFrom('audit').selectAll().where('action', '=', 'registrations-abandoned'),
  );
  const abandoned = new Set(
    abandonments.flatMap(
      (row) =>
        findings.read(row.seq, 'the entry', () => readAuditRow(row).details.credentials as string[]) ?? [],
    ),
  );
  const rows = build
    .selectFrom('registration_credential as r')
    .innerJoin('generation as g', 'g.id', 'r.issuer_id')
    .selectAll('r')
    .select(['g.kind', 'g.fleet_id as issuer_fleet']);
  for (const { kind, issuer_fleet, ...row } of yield* all(rows)) {
    const { id, audit_seq: seq, certificate, fingerprint } = row;
    const says = `registration credentials ${id}`;
    const intended = yield* findings.readAsking(seq, 'the entry', () =>
      detailsOf(seq, 'registration-intent-recorded'),
    );
    const same = JSON.stringify(intended) === JSON.stringify(registrationDetails(row));
    findings.expect(same, seq, `${says} are not what was intended`);
    const own = kind === 'registration' && issuer_fleet === row.fleet_id;
    findings.expect(own, seq, `${says} are of an authority that is not their fleet's registration CA`);
    const givenUp = row.abandoned === 0 || abandoned.has(id);
    findings.expect(givenUp, seq, `${says} are abandoned without an entry that says so`);
    if (certificate !== null) {
      const issued = yield* findings.readAsking(row.issued_audit_seq, 'the entry', () =>
        detailsOf(row.issued_audit_seq, 'registration-issued'),
      );
      const digest = sha256(certificate);
      const told = issued?.id === id && issued.certificate === digest;
      findings.expect(told, row.issued_audit_seq, `${says} have another certificate than was issued`);
      const filed = fingerprint !== null && Buffer.from(fingerprint).toString('hex') === digest;
      findings.expect(filed, row.issued_audit_seq, `${says} are known by another fingerprint`);
    }
    if (row.revoked_at === null) continue;
    const revoked = yield* findings.readAsking(row.revoked_audit_seq, 'the entry', () =>
      detailsOf(row.revoked_audit_seq, 'registration-revoked'),
    );
    const marked = revoked?.id === id && revoked.reason === row.revocation_reason;
    findings.expect(marked, row.revoked_audit_seq, `${says} are revoked without an entry that says so`);
  }
}

type Check = (entry: AuditEntry, findings: Findings) => Asking<void>;

const rowOf = (details: Details) =>
  first(
    build
      .selectFrom('registration_credential as r')
      .innerJoin('fleet as f', 'f.id', 'r.fleet_id')
      .select(['r.audit_seq', 'r.issued_audit_seq', 'r.revoked_audit_seq', 'r.revoked_at', 'r.created_at'])
      .select(['r.abandoned', 'f.name as fleet'])
      .where('r.id', '=', String(details.id)),
  );

const checkIntent: Check = function* ({ seq, at, fleet, details }, findings) {
  const row = yield* rowOf(details);
  const there = row?.audit_seq === seq && row.fleet === fleet && row.created_at === Date.parse(at);
  findings.expect(there, seq, 'the entry tells of registration credentials that are not there');
};

const checkIssued: Check = function* ({ seq, fleet, details }, findings) {
  const row = yield* rowOf(details);
  const there = row?.issued_audit_seq === seq && row.fleet === fleet;
  findings.expect(there, seq, 'the entry tells of registration credentials that were not issued');
};

const checkRevoked: Check = function* ({ seq, at, details }, findings) {
  const row = yield* rowOf(details);
  const marked = row?.revoked_audit_seq === seq && row.revoked_at === Date.parse(at);
  findings.expect(marked, seq, 'the entry says that registration credentials were revoked, and they are not');
};

const checkAbandoned: Check = function* ({ seq, details }, findings) {
  for (const id of details.credentials as readonly string[]) {
    const row = yield* rowOf({ id });
    findings.expect(
      row?.abandoned === 1,
      seq,
      `registration credentials ${id} were abandoned, and are no longer`,
    );
  }
};

/** What the ledger must hold for an entry, by its action. */
export const REGISTRATION_CHECKS: Readonly<Record<string, Check>> = {
  'registration-intent-recorded': checkIntent,
  'registration-issued': checkIssued,
  'registration-revoked': checkRevoked,
  'registrations-abandoned': checkAbandoned,
};
