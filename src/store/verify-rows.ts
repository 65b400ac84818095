import { createHash } from 'node:crypto';
import { contentBytes, elementBytes, readElement } from '../asn1/index.ts';
import { readAuditRow } from './audit.ts';
import { type Findings, pages } from './findings.ts';
import { build, type Session } from './session.ts';
import { tokenDetails } from './tokens.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
const sha256 = (octets: Uint8Array): string => createHash('sha256').update(octets).digest('hex');

/** SHA-256 of the tbsCertificate, and the serial, of a certificate's octets. */
function readIssued(der: Uint8Array): { tbs: string; serial: string } {
  const outer = readElement(der);
  const tbs = readElement(der, outer.contentStart, outer.end);
  const version = readElement(der, tbs.contentStart, tbs.end);
  const serial = readElement(der, version.end, tbs.end);
  return { tbs: sha256(elementBytes(tbs)), serial: hex(contentBytes(serial)) };
}

export interface IntentCounts {
  readonly intents: number;
  readonly abandoned: number;
  readonly open: number;
  readonly certificates: number;
}

const ENTRIES = {
  device: { intended: 'intents-recorded', issued: 'certificates-issued' },
  authority: { intended: 'generation-intent-recorded', issued: 'generation-issued' },
} as const;

function intentsAfter(session: Session, after: number, limit: number) {
  return session.all(
    build
      .selectFrom('intent as i')
      .leftJoin('certificate as c', 'c.intent_id', 'i.id')
      .leftJoin('ca_key as k', (join) =>
        join.onRef('k.key_digest', '=', 'i.key_digest').on('i.kind', '=', 'authority'),
      )
      .leftJoin('generation as g', 'g.id', 'k.generation_id')
      .leftJoin('audit as intended', 'intended.seq', 'i.audit_seq')
      .leftJoin('audit as issued', (join) =>
        join.on((on) => on('issued.seq', '=', on.fn.coalesce('c.audit_seq', 'g.issued_audit_seq'))),
      )
      .select(['i.id', 'i.kind', 'i.state', 'i.serial', 'i.tbs_digest', 'i.audit_seq'])
      .select(['intended.action as intended', 'issued.action as issued'])
      .select(['c.der', 'c.fingerprint', 'g.certificate'])
      .where('i.id', '>', after)
      .orderBy('i.id')
      .limit(limit),
  );
}

type IntentRow = ReturnType<typeof intentsAfter>[number];

/** A certificate is what was intended, octet for octet, and an entry says that it was issued. */
function verifyIssued(row: IntentRow, der: Uint8Array, says: string, findings: Findings): void {
  const { audit_seq: seq, fingerprint } = row;
  const { issued: due } = row.kind === 'device' ? ENTRIES.device : ENTRIES.authority;
  findings.expect(row.issued === due, seq, `the certificate of ${says} has no audit entry of its own`);
  const issued = findings.read(seq, `the certificate of ${says}`, () => readIssued(der));
  if (!issued) return;
  const intended = issued.tbs === hex(row.tbs_digest);
  findings.expect(intended, seq, `the certificate of ${says} is not what was intended`);
  findings.expect(issued.serial === hex(row.serial), seq, `the certificate of ${says} has another serial`);
  const named = fingerprint === null || hex(fingerprint) === sha256(der);
  findings.expect(named, seq, `the certificate of ${says} has another fingerprint`);
}

/** Every intent has its entry, and a certificate exactly where it is completed. */
export function verifyIntents(session: Session, findings: Findings): IntentCounts {
  const counts = { intents: 0, abandoned: 0, open: 0, certificates: 0 };
  const rows = pages(
    (after, limit) => intentsAfter(session, after, limit),
    ({ id }) => id,
  );
  for (const row of rows) {
    counts.intents++;
    if (row.state === 'abandoned') counts.abandoned++;
    if (row.state === 'open') counts.open++;
    const der = row.kind === 'device' ? row.der : row.certificate;
    const says = `intent ${row.id} (serial ${hex(row.serial)})`;
    const { intended } = row.kind === 'device' ? ENTRIES.device : ENTRIES.authority;
    findings.expect(row.intended === intended, row.audit_seq, `${says} has no audit entry of its own`);
    findings.expect(
      (der !== null) === (row.state === 'completed'),
      row.audit_seq,
      `${says} is ${row.state}, and its certificate says otherwise`,
    );
    if (der === null) continue;
    counts.certificates++;
    verifyIssued(row, der, says, findings);
  }
  return counts;
}

type Details = Readonly<Record<string, unknown>>;

/** What an entry of an action said; undefined where there is none. */
function detailsOf(session: Session, seq: number | null, action: string): Details | undefined {
  const row = session.first(
    build
      .selectFrom('audit')
      .selectAll()
      .where('seq', '=', seq ?? 0),
  );
  return row?.action === action ? readAuditRow(row).details : undefined;
}

function verifyTokens(session: Session, findings: Findings): void {
  const revoked = new Set(
    session
      .all(build.selectFrom('audit').selectAll().where('action', '=', 'token-revoked'))
      .map((row) => findings.read(row.seq, 'the entry', () => readAuditRow(row).details.id)),
  );
  for (const token of session.all(build.selectFrom('token').selectAll())) {
    const { id, name, role, fleet, audit_seq: seq } = token;
    const said = findings.read(seq, `token ${id}`, () => ({
      created: JSON.stringify(detailsOf(session, seq, 'token-created')),
      now: JSON.stringify(
        tokenDetails({
          id,
          name,
          role: role as 'admin',
          rights: JSON.parse(token.rights),
          fleet,
          secretHash: token.secret_hash,
          expiresAt: new Date(token.expires_at),
        }),
      ),
    }));
    findings.expect(said?.created === said?.now, seq, `token ${id} is not what was created`);
    const told = token.revoked_at === null || revoked.has(id);
    findings.expect(told, seq, `token ${id} is revoked without an entry that says so`);
  }
}

function verifyFleets(session: Session, findings: Findings): void {
  for (const fleet of session.all(build.selectFrom('fleet').selectAll())) {
    const { name, target, gateway_url, gateway_root, audit_seq: seq } = fleet;
    const said = findings.read(seq, 'the entry', () => detailsOf(session, seq, 'fleet-created'));
    const same =
      said?.name === name &&
      said.target === target &&
      said.gatewayUrl === gateway_url &&
      said.gatewayRoot === gateway_root;
    findings.expect(same, seq, `fleet ${name} is not what was created`);
  }
}

function verifyGenerations(session: Session, findings: Findings): void {
  const generations = session.all(
    build.selectFrom('generation').selectAll().where('certificate', 'is not', null),
  );
  for (const { issued_audit_seq: seq, imported, authority, certificate } of generations) {
    const action = imported === 1 ? 'generation-imported' : 'generation-issued';
    const said = findings.read(seq, 'the entry', () => detailsOf(session, seq, action));
    const same = certificate !== null && said?.certificate === sha256(certificate);
    findings.expect(same, seq, `authority ${authority} has another certificate than was issued`);
  }
}

function verifyRevocations(session: Session, findings: Findings): void {
  const rows = pages(
    (after, limit) =>
      session.all(
        build
          .selectFrom('certificate')
          .select(['intent_id', 'fingerprint', 'revoked_audit_seq'])
          .where('revoked_at', 'is not', null)
          .where('intent_id', '>', after)
          .orderBy('intent_id')
          .limit(limit),
      ),
    ({ intent_id }) => intent_id,
  );
  for (const { fingerprint, revoked_audit_seq: seq } of rows) {
    const said = findings.read(seq, 'the entry', () => detailsOf(session, seq, 'certificate-revoked'));
    const same = said?.certificate === hex(fingerprint);
    findings.expect(same, seq, `certificate ${hex(fingerprint)} is revoked without an entry that says so`);
  }
}

/** Rows that an entry told of say what it said. */
export function verifyRecords(session: Session, findings: Findings): void {
  verifyTokens(session, findings);
  verifyFleets(session, findings);
  verifyGenerations(session, findings);
  verifyRevocations(session, findings);
}
