import { createHash } from 'node:crypto';
import { contentBytes, elementBytes, readElement } from '../asn1/index.ts';
import { readAuditRow } from './audit.ts';
import type { Range } from './completions.ts';
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
      .leftJoin('intent_chunk as h', 'h.id', 'i.chunk_id')
      .leftJoin('certificate as c', 'c.intent_id', 'i.id')
      .leftJoin('ca_key as k', (join) =>
        join.onRef('k.key_digest', '=', 'i.key_digest').on('i.device', 'is', null),
      )
      .leftJoin('generation as g', 'g.id', 'k.generation_id')
      .leftJoin('audit as intended', 'intended.seq', 'h.audit_seq')
      .select(['i.id', 'i.device', 'i.abandoned', 'i.serial', 'i.tbs_digest', 'h.audit_seq'])
      .select(['h.kind', 'h.first_intent', 'h.last_intent', 'intended.action as intended'])
      .select(['c.der', 'c.fingerprint', 'c.audit_seq as issued_by'])
      .select(['g.certificate', 'g.issued_audit_seq', 'g.audit_seq as generation_by'])
      .where('i.id', '>', after)
      .orderBy('i.id')
      .limit(limit),
  );
}

type IntentRow = ReturnType<typeof intentsAfter>[number];

/** Tells whether an entry says that an intent was completed. Reads an entry once for the rows in a run that point to it. */
function entryReader(session: Session): (seq: number | null, kind: string, intentId: number) => boolean {
  let last: { readonly seq: number; readonly ranges: readonly Range[] } | undefined;
  const rangesOf = (seq: number): readonly Range[] => {
    const said = detailsOf(session, seq, ENTRIES.device.issued);
    return Array.isArray(said?.intents) ? said.intents : [];
  };
  return (seq, kind, intentId) => {
    if (seq === null) return false;
    if (kind === 'authority') return detailsOf(session, seq, ENTRIES.authority.issued) !== undefined;
    if (last?.seq !== seq) last = { seq, ranges: rangesOf(seq) };
    return last.ranges.some(([from, to]) => from <= intentId && intentId <= to);
  };
}

/** A certificate is what was intended, octet for octet. */
function verifyIssued(row: IntentRow, der: Uint8Array, says: string, findings: Findings): void {
  const { audit_seq: seq, fingerprint } = row;
  const issued = findings.read(seq, `the certificate of ${says}`, () => readIssued(der));
  if (!issued) return;
  const intended = issued.tbs === hex(row.tbs_digest);
  findings.expect(intended, seq, `the certificate of ${says} is not what was intended`);
  findings.expect(issued.serial === hex(row.serial), seq, `the certificate of ${says} has another serial`);
  const named = fingerprint === null || hex(fingerprint) === sha256(der);
  findings.expect(named, seq, `the certificate of ${says} has another fingerprint`);
}

/** An intent lies in a chunk that has it, of its kind, with an entry that tells of it. */
function verifyIntended(row: IntentRow, says: string, findings: Findings): void {
  const kind = row.device === null ? 'authority' : 'device';
  const seq = row.audit_seq;
  findings.expect(row.intended === ENTRIES[kind].intended, seq, `${says} has no audit entry of its own`);
  const within = (row.first_intent ?? 0) <= row.id && row.id <= (row.last_intent ?? 0);
  findings.expect(within && row.kind === kind, seq, `${says} is not of the chunk that it points to`);
  // An authority's chunk, its intent and its generation have their entry in common.
  const own = kind === 'device' || row.generation_by === seq;
  findings.expect(own, seq, `${says} belongs to another authority than it says`);
}

/** Every intent has its entry, and where it has a certificate, that is what was intended. */
export function verifyIntents(session: Session, findings: Findings): IntentCounts {
  const counts = { intents: 0, abandoned: 0, open: 0, certificates: 0 };
  const tellsOf = entryReader(session);
  const rows = pages(
    (after, limit) => intentsAfter(session, after, limit),
    ({ id }) => id,
  );
  for (const row of rows) {
    counts.intents++;
    const [der, issuedBy] =
      row.device === null ? [row.certificate, row.issued_audit_seq] : [row.der, row.issued_by];
    const says = `intent ${row.id} (serial ${hex(row.serial)})`;
    verifyIntended(row, says, findings);
    if (row.abandoned === 1) counts.abandoned++;
    else if (der === null) counts.open++;
    if (der === null) continue;
    counts.certificates++;
    findings.expect(row.abandoned === 0, row.audit_seq, `${says} is abandoned and has a certificate`);
    const told = findings.read(issuedBy, 'the entry', () => tellsOf(issuedBy, row.kind ?? '', row.id));
    findings.expect(told === true, row.audit_seq, `the certificate of ${says} has no audit entry of its own`);
    verifyIssued(row, der, says, findings);
  }
  return counts;
}

const chunksAfter = (session: Session, after: number, limit: number) =>
  session.all(
    build
      .selectFrom('intent_chunk')
      .select(['id', 'kind', 'first_intent', 'last_intent', 'open', 'audit_seq'])
      .where('id', '>', after)
      .orderBy('id')
      .limit(limit),
  );

/** How many intents of a chunk are neither completed nor abandoned. */
const COUNT_OPEN = `SELECT count(*) FROM intent i LEFT JOIN certificate c ON c.intent_id = i.id
  WHERE i.id BETWEEN ? AND ? AND i.abandoned = 0 AND c.intent_id IS NULL AND (i.device IS NOT NULL OR NOT EXISTS
    (SELECT 1 FROM ca_key k JOIN generation g ON g.id = k.generation_id
     WHERE k.key_digest = i.key_digest AND g.certificate IS NOT NULL))`;

/** Every chunk counts the intents of it that are open, and its entry is one that tells of intents. */
export function verifyChunks(session: Session, findings: Findings): void {
  const chunks = pages(
    (after, limit) => chunksAfter(session, after, limit),
    ({ id }) => id,
  );
  for (const { id, kind, first_intent, last_intent, open, audit_seq: seq } of chunks) {
    const { intended } = kind === 'authority' ? ENTRIES.authority : ENTRIES.device;
    const told = findings.read(seq, 'the entry', () => detailsOf(session, seq, intended));
    findings.expect(told !== undefined, seq, `chunk ${id} of intents has no audit entry of its own`);
    const counted = session.prepare(COUNT_OPEN).pluck().get(first_intent, last_intent);
    findings.expect(counted === open, seq, `chunk ${id} counts ${open} open intents of ${counted}`);
  }
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
