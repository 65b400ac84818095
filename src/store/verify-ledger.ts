import { createHash } from 'node:crypto';
import { contentBytes, elementBytes, readElement } from '../asn1/index.ts';
import { type AuditBody, auditHash, GENESIS, readAuditRow, rowsDigest } from './audit.ts';
import { openReadOnly } from './driver.ts';
import { intentFields } from './intents.ts';
import { build, Session } from './session.ts';
import { tokenDetails } from './tokens.ts';

/** One thing that does not hold; `seq` is the audit entry where it shows. */
export interface LedgerProblem {
  readonly seq: number | null;
  readonly what: string;
}

export interface LedgerReport {
  readonly ok: boolean;
  readonly entries: number;
  readonly intents: number;
  readonly certificates: number;
  readonly abandoned: number;
  readonly open: number;
  /** Hash of the last entry, hex: keep it elsewhere, and a log that was cut off at its end shows. */
  readonly head: string;
  /** At most the first 100. */
  readonly problems: readonly LedgerProblem[];
}

const PAGE = 500;
const MAX_PROBLEMS = 100;
const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
const sha256 = (octets: Uint8Array): string => createHash('sha256').update(octets).digest('hex');

class Findings {
  readonly problems: LedgerProblem[] = [];

  expect(holds: boolean, seq: number | null, what: string): void {
    if (!holds && this.problems.length < MAX_PROBLEMS) this.problems.push({ seq, what });
  }
}

/** Pages through rows in order of a number that grows. */
function* pages<T extends { readonly at: number }>(read: (after: number) => readonly T[]): Generator<T> {
  for (let after = 0; ; ) {
    const page = read(after);
    yield* page;
    const last = page.at(-1);
    if (!last) return;
    after = last.at;
  }
}

/** What the rows that point at an entry must amount to: counts and digests, by the entry's action. */
function rowsOf(
  session: Session,
  action: string,
  seq: number,
): { count: number; digest: string } | undefined {
  if (action === 'intents-recorded') {
    const rows = session.all(
      build
        .selectFrom('intent as i')
        .innerJoin('device as d', 'd.id', 'i.device')
        .select([
          'd.device_id',
          'i.profile',
          'i.profile_digest',
          'i.issuer_id',
          'i.serial',
          'i.key_digest',
          'i.tbs_digest',
        ])
        .select(['i.not_before', 'i.not_after', 'i.labels', 'i.supersede'])
        .where('i.audit_seq', '=', seq)
        .orderBy('i.id'),
    );
    const fields = rows.map((row) =>
      intentFields({
        deviceId: row.device_id,
        profile: row.profile,
        profileDigest: row.profile_digest,
        issuerId: row.issuer_id,
        serial: row.serial,
        keyDigest: row.key_digest,
        tbsDigest: row.tbs_digest,
        notBefore: row.not_before,
        notAfter: row.not_after,
        labels: row.labels,
        supersede: row.supersede,
      }),
    );
    return { count: rows.length, digest: rowsDigest(fields) };
  }
  if (action !== 'certificates-issued') return undefined;
  const rows = session.all(
    build
      .selectFrom('certificate')
      .select(['intent_id', 'fingerprint'])
      .where('audit_seq', '=', seq)
      .orderBy('intent_id'),
  );
  return { count: rows.length, digest: rowsDigest(rows.map((row) => [row.intent_id, row.fingerprint])) };
}

function verifyEntries(session: Session, findings: Findings): { entries: number; head: string } {
  let previous = hex(GENESIS);
  let entries = 0;
  const rows = pages((after) =>
    session
      .all(build.selectFrom('audit').selectAll().where('seq', '>', after).orderBy('seq').limit(PAGE))
      .map((row) => ({ ...row, at: row.seq, time: row.at })),
  );
  for (const row of rows) {
    const entry = readAuditRow({ ...row, at: row.time });
    entries++;
    const body: AuditBody = entry;
    findings.expect(entry.seq === entries, entry.seq, `entry ${entries} is missing`);
    findings.expect(entry.previous === previous, entry.seq, 'the entry does not follow the one before it');
    const hash = hex(auditHash(Buffer.from(entry.previous, 'hex'), body));
    findings.expect(hash === entry.hash, entry.seq, 'the entry was changed: its hash does not fit');
    if (findings.problems.length > 0 && entry.seq !== entries) break;
    const expected = rowsOf(session, entry.action, entry.seq);
    if (expected) {
      const { recorded, issued, rowsDigest: digest } = entry.details;
      findings.expect(
        (recorded ?? issued) === expected.count,
        entry.seq,
        'the ledger holds another number of rows than the entry says',
      );
      findings.expect(
        digest === expected.digest,
        entry.seq,
        'the rows of the ledger are not what the entry says',
      );
    }
    previous = entry.hash;
  }
  return { entries, head: previous };
}

/** SHA-256 of the tbsCertificate, and the serial, of a certificate's octets. */
function readIssued(der: Uint8Array): { tbs: string; serial: string } {
  const outer = readElement(der);
  const tbs = readElement(der, outer.contentStart, outer.end);
  const version = readElement(der, tbs.contentStart, tbs.end);
  const serial = readElement(der, version.end, tbs.end);
  return { tbs: sha256(elementBytes(tbs)), serial: hex(contentBytes(serial)) };
}

function verifyIntents(
  session: Session,
  findings: Findings,
): Pick<LedgerReport, 'intents' | 'abandoned' | 'open' | 'certificates'> {
  const counts = { intents: 0, abandoned: 0, open: 0, certificates: 0 };
  const rows = pages((after) =>
    session
      .all(
        build
          .selectFrom('intent as i')
          .leftJoin('certificate as c', 'c.intent_id', 'i.id')
          .leftJoin('generation as g', (join) =>
            join.onRef('g.key_digest', '=', 'i.key_digest').on('i.kind', '=', 'authority'),
          )
          .leftJoin('audit as a', 'a.seq', 'i.audit_seq')
          .select(['i.id', 'i.kind', 'i.state', 'i.serial', 'i.tbs_digest', 'i.audit_seq', 'a.action'])
          .select(['c.der', 'c.fingerprint', 'g.certificate'])
          .where('i.id', '>', after)
          .orderBy('i.id')
          .limit(PAGE),
      )
      .map((row) => ({ ...row, at: row.id })),
  );
  for (const row of rows) {
    counts.intents++;
    if (row.state === 'abandoned') counts.abandoned++;
    if (row.state === 'open') counts.open++;
    const der = row.kind === 'device' ? row.der : row.certificate;
    const says = `intent ${row.id} (serial ${hex(row.serial)})`;
    const due = row.kind === 'device' ? 'intents-recorded' : 'generation-intent-recorded';
    findings.expect(row.action === due, row.audit_seq, `${says} has no audit entry of its own`);
    findings.expect(
      (der !== null) === (row.state === 'completed'),
      row.audit_seq,
      `${says} is ${row.state}, and its certificate says otherwise`,
    );
    if (der === null) continue;
    counts.certificates++;
    const issued = readIssued(der);
    findings.expect(
      issued.tbs === hex(row.tbs_digest),
      row.audit_seq,
      `the certificate of ${says} is not what was intended`,
    );
    findings.expect(
      issued.serial === hex(row.serial),
      row.audit_seq,
      `the certificate of ${says} has another serial`,
    );
    findings.expect(
      row.fingerprint === null || hex(row.fingerprint) === sha256(der),
      row.audit_seq,
      `the certificate of ${says} has another fingerprint`,
    );
  }
  return counts;
}

/** Rows beside the cycle that an entry told of: what they say now must be what it said. */
function verifyRecords(session: Session, findings: Findings): void {
  const detailsOf = (seq: number, action: string): Readonly<Record<string, unknown>> | undefined => {
    const row = session.first(build.selectFrom('audit').selectAll().where('seq', '=', seq));
    return row?.action === action ? readAuditRow(row).details : undefined;
  };
  for (const token of session.all(build.selectFrom('token').selectAll())) {
    const said = JSON.stringify(detailsOf(token.audit_seq, 'token-created'));
    const now = JSON.stringify(
      tokenDetails({
        id: token.id,
        name: token.name,
        role: token.role as 'admin',
        rights: JSON.parse(token.rights),
        fleet: token.fleet,
        expiresAt: new Date(token.expires_at),
      }),
    );
    findings.expect(said === now, token.audit_seq, `token ${token.id} is not what was created`);
  }
  for (const fleet of session.all(build.selectFrom('fleet').selectAll())) {
    const said = detailsOf(fleet.audit_seq, 'fleet-created');
    const same =
      said?.name === fleet.name &&
      said.target === fleet.target &&
      said.gatewayUrl === fleet.gateway_url &&
      said.gatewayRoot === fleet.gateway_root;
    findings.expect(same, fleet.audit_seq, `fleet ${fleet.name} is not what was created`);
  }
  const generations = session.all(
    build.selectFrom('generation').selectAll().where('certificate', 'is not', null),
  );
  for (const generation of generations) {
    const seq = generation.issued_audit_seq ?? 0;
    const said = detailsOf(seq, generation.imported === 1 ? 'generation-imported' : 'generation-issued');
    const now = generation.certificate && sha256(generation.certificate);
    findings.expect(
      said?.certificate === now,
      seq,
      `authority ${generation.authority} has another certificate than was issued`,
    );
  }
  const revoked = session.all(
    build
      .selectFrom('certificate')
      .select(['fingerprint', 'revocation_reason', 'revoked_audit_seq'])
      .where('revoked_at', 'is not', null),
  );
  for (const row of revoked) {
    const said = detailsOf(row.revoked_audit_seq ?? 0, 'certificate-revoked');
    const same = said?.certificate === hex(row.fingerprint) && said.reason === row.revocation_reason;
    findings.expect(
      same,
      row.revoked_audit_seq,
      `certificate ${hex(row.fingerprint)} is revoked without an entry that says so`,
    );
  }
}

/** What the revocations and token revocations in the log must have left in the rows. */
function verifyMarks(session: Session, findings: Findings): void {
  for (const row of session.all(
    build.selectFrom('audit').selectAll().where('action', 'in', ['certificate-revoked', 'token-revoked']),
  )) {
    const { action, details } = readAuditRow(row);
    const marked =
      action === 'token-revoked'
        ? session.first(build.selectFrom('token').select('revoked_at').where('id', '=', String(details.id)))
        : session.first(
            build
              .selectFrom('certificate')
              .select('revoked_at')
              .where('fingerprint', '=', Buffer.from(String(details.certificate), 'hex')),
          );
    findings.expect(
      (marked?.revoked_at ?? null) !== null,
      row.seq,
      `the entry says ${action}, and the row does not`,
    );
  }
}

/**
 * Checks a database, live or dead, without changing it: the audit chain from its first entry, and that
 * the ledger says what its entries say. Bounded memory; reads everything once.
 */
export function verifyLedger(file: string): LedgerReport {
  const connection = openReadOnly(file);
  try {
    // One transaction: the database may be in use, and must be seen as it was at one moment.
    return connection.transaction(() => {
      const session = new Session(connection);
      const findings = new Findings();
      const chain = verifyEntries(session, findings);
      const counts = verifyIntents(session, findings);
      verifyRecords(session, findings);
      verifyMarks(session, findings);
      return { ok: findings.problems.length === 0, ...chain, ...counts, problems: findings.problems };
    })();
  } finally {
    connection.close();
  }
}
