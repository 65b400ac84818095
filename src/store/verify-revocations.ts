import { createHash } from 'node:crypto';
import type { Selectable } from 'kysely';
import { elementBytes, readElement } from '../asn1/index.ts';
import type { AuditEntry } from '../ca/index.ts';
import { serialDetails } from './abandoned-intents.ts';
import { type Asking, all, eachRow, first } from './asking.ts';
import { detailsOf, rowsDigest } from './audit.ts';
import type { Findings } from './findings.ts';
import { listDetails } from './revocation-lists.ts';
import { revokedFields } from './revocations.ts';
import type { Schema } from './schema.ts';
import { build } from './session.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
const sha256 = (octets: Uint8Array): string => createHash('sha256').update(octets).digest('hex');

type Details = Readonly<Record<string, unknown>>;

const revokedAfter = (after: number, limit: number) =>
  build
    .selectFrom('certificate as c')
    .innerJoin('intent as i', 'i.id', 'c.intent_id')
    .leftJoin('revocation as r', (join) =>
      join.onRef('r.issuer_id', '=', 'i.issuer_id').onRef('r.serial', '=', 'i.serial'),
    )
    .select(['c.intent_id', 'c.fingerprint', 'c.revoked_at', 'c.revocation_reason', 'c.revoked_audit_seq'])
    .select(['i.not_after', 'r.intent_id as of', 'r.not_after as ends', 'r.revoked_at as at', 'r.reason'])
    .select('r.audit_seq as by')
    .where('c.revoked_at', 'is not', null)
    .where('c.intent_id', '>', after)
    .orderBy('c.intent_id')
    .limit(limit);

/** Every certificate that is marked has an entry that says so, and stands where CRLs are made from. */
function* verifyMarks(findings: Findings): Asking<number> {
  let marked = 0;
  yield* eachRow(
    revokedAfter,
    ({ intent_id }) => intent_id,
    function* (row) {
      marked++;
      const { revoked_audit_seq: seq, fingerprint } = row;
      const says = `certificate ${hex(fingerprint)}`;
      const entry = yield* findings.readAsking(seq, 'the entry', () =>
        detailsOf(seq, 'certificate-revoked', 'certificates-revoked', 'certificates-imported'),
      );
      // The entry of many has a digest over them, which is looked at with the entry; that of an import covers reasons, too.
      const told = entry?.certificate === hex(fingerprint) || entry?.rowsDigest !== undefined;
      const isSame = told && (entry?.imported !== undefined || entry?.reason === row.revocation_reason);
      findings.expect(isSame, seq, `${says} is revoked without an entry that says so`);
      const isListed =
        row.of === row.intent_id &&
        row.ends === row.not_after &&
        row.at === row.revoked_at &&
        row.reason === row.revocation_reason &&
        row.by === seq;
      findings.expect(isListed, seq, `${says} is revoked, and not so in the list that CRLs are made from`);
    },
  );
  return marked;
}

const serialsAfter = (after: number, limit: number) =>
  build
    .selectFrom('revocation as r')
    .innerJoin('intent as i', 'i.id', 'r.intent_id')
    .leftJoin('device as d', 'd.id', 'i.device')
    .select([
      'r.intent_id',
      'r.issuer_id',
      'r.serial',
      'r.not_after',
      'r.reason',
      'r.audit_seq',
      'r.revoked_at',
    ])
    .select(['i.issuer_id as by', 'i.serial as own', 'i.not_after as ends', 'd.device_id'])
    .where('i.abandoned', '=', 1)
    .where('i.id', '>', after)
    .orderBy('i.id')
    .limit(limit);

/** Every serial that was revoked without a certificate is that of an intent that was given up, with an entry. */
function* verifySerials(findings: Findings): Asking<number> {
  let listed = 0;
  yield* eachRow(
    serialsAfter,
    ({ intent_id }) => intent_id,
    function* (row) {
      listed++;
      const { audit_seq: seq, issuer_id: issuerId, intent_id: intentId, serial, device_id: deviceId } = row;
      const entry = yield* findings.readAsking(seq, 'the entry', () => detailsOf(seq, 'serial-revoked'));
      const due = serialDetails({ intentId, issuerId, serial, deviceId }, row.reason);
      const told = JSON.stringify(entry) === JSON.stringify(due);
      const own = row.by === issuerId && hex(row.own) === hex(serial) && row.ends === row.not_after;
      findings.expect(told && own, seq, `serial ${hex(serial)} is revoked otherwise than its entry says`);
    },
  );
  return listed;
}

const ofAuthorities = build
  .selectFrom('revocation as r')
  .innerJoin('intent as i', 'i.id', 'r.intent_id')
  .select(['r.issuer_id', 'r.serial', 'r.not_after', 'r.audit_seq'])
  .select(['i.issuer_id as by', 'i.serial as own', 'i.not_after as ends'])
  .where('i.device', 'is', null)
  .where('i.abandoned', '=', 0)
  .orderBy('r.audit_seq');

/** Every certificate of a CA that was revoked has a decision that says so; with the entry more of it is looked at. */
function* verifyAuthorities(findings: Findings): Asking<number> {
  const rows = yield* all(ofAuthorities);
  for (const { issuer_id: issuer, serial, audit_seq: seq, ...row } of rows) {
    const entry = yield* findings.readAsking(seq, 'the entry', () =>
      detailsOf(seq, 'generation-compromised'),
    );
    const revoked = (entry?.revoked ?? []) as readonly { readonly issuer: number; readonly serial: string }[];
    const told = revoked.some((one) => one.issuer === issuer && one.serial === hex(serial));
    const own = row.by === issuer && hex(row.own) === hex(serial) && row.ends === row.not_after;
    findings.expect(
      told && own,
      seq,
      `the CA certificate ${hex(serial)} is revoked without an entry that says so`,
    );
  }
  return rows.length;
}

type ListRow = Selectable<Schema['revocation_list']>;

/** An issued CRL is what its entry says, follows the one before, and has its octets while it is the newest. */
function* verifyIssued(row: ListRow, before: ListRow | undefined, findings: Findings): Asking<void> {
  const { issuer_id: issuer, number, audit_seq: seq, issued_audit_seq, digest } = row;
  const says = `CRL ${number} of issuer ${issuer}`;
  const issued = yield* findings.readAsking(issued_audit_seq, 'the entry', () =>
    detailsOf(issued_audit_seq, 'crl-issued'),
  );
  const told =
    digest !== null && issued?.issuer === issuer && issued.number === number && issued.crl === hex(digest);
  findings.expect(told, issued_audit_seq, `${says} is another than was issued`);
  const grows = !before || (before.this_update <= row.this_update && before.covers <= row.covers);
  findings.expect(grows, seq, `${says} is older than the one before it`);
  findings.expect(
    !before?.der,
    seq,
    `the octets of the CRL before ${number} of issuer ${issuer} are still there`,
  );
}

/** The CRLs of an issuer, in order of their numbers. Octets are read of the newest alone: the others have none. */
function* verifyListsOf(issuerId: number, findings: Findings): Asking<void> {
  const listsAfter = (after: number, limit: number) =>
    build
      .selectFrom('revocation_list')
      .selectAll()
      .where('issuer_id', '=', issuerId)
      .where('number', '>', after)
      .orderBy('number')
      .limit(limit);
  let before: ListRow | undefined;
  yield* eachRow(
    listsAfter,
    ({ number }) => number,
    function* (row) {
      const { number, audit_seq: seq } = row;
      const intended = yield* findings.readAsking(seq, 'the entry', () =>
        detailsOf(seq, 'crl-intent-recorded'),
      );
      const same = JSON.stringify(intended) === JSON.stringify(listDetails(row));
      findings.expect(same, seq, `CRL ${number} of issuer ${issuerId} is not what was intended`);
      if (row.digest === null) return;
      yield* verifyIssued(row, before, findings);
      before = row;
    },
  );
  if (before) verifyOctets(before, findings);
}

function verifyOctets({ issuer_id, number, audit_seq, ...row }: ListRow, findings: Findings): void {
  const says = `CRL ${number} of issuer ${issuer_id}`;
  const { der } = row;
  const tbs = findings.read(audit_seq, says, () => {
    const outer = readElement(der ?? new Uint8Array(0));
    return elementBytes(readElement(outer.bytes, outer.contentStart, outer.end));
  });
  const isOurs =
    der !== null &&
    row.digest !== null &&
    sha256(der) === hex(row.digest) &&
    tbs !== undefined &&
    sha256(tbs) === hex(row.tbs_digest);
  findings.expect(isOurs, audit_seq, `${says} has other octets than were issued`);
}

/** Marks, the list that CRLs are made from, and CRLs say what their entries say. */
export function* verifyRevocations(findings: Findings): Asking<void> {
  const marked =
    (yield* verifyMarks(findings)) + (yield* verifySerials(findings)) + (yield* verifyAuthorities(findings));
  const count = build.selectFrom('revocation').select((is) => is.fn.countAll<number>().as('n'));
  const listed = Number((yield* first(count))?.n ?? 0);
  findings.expect(
    listed === marked,
    null,
    `${listed} certificates are in the list that CRLs are made from, ${marked} are revoked`,
  );
  const issuers = yield* all(build.selectFrom('generation').select('id').orderBy('id'));
  for (const { id } of issuers) yield* verifyListsOf(id, findings);
}

export type Check = (entry: AuditEntry, findings: Findings) => Asking<void>;

const checkRevokedTogether: Check = function* ({ seq, at, fleet, details }, findings) {
  const rows = yield* all(
    build
      .selectFrom('revocation as r')
      .innerJoin('certificate as c', 'c.intent_id', 'r.intent_id')
      .innerJoin('generation as g', 'g.id', 'r.issuer_id')
      .innerJoin('fleet as f', 'f.id', 'g.fleet_id')
      .select(['r.issuer_id', 'r.serial', 'c.fingerprint', 'r.revoked_at', 'c.revoked_audit_seq', 'f.name'])
      .where('r.audit_seq', '=', seq)
      .orderBy('r.issuer_id')
      .orderBy('r.serial'),
  );
  const own = rows.every(
    ({ revoked_at, revoked_audit_seq, name }) =>
      revoked_at === Date.parse(at) && revoked_audit_seq === seq && name === fleet,
  );
  const same = details.revoked === rows.length && details.rowsDigest === rowsDigest(rows.map(revokedFields));
  findings.expect(
    own && same,
    seq,
    'the certificates that the entry says were revoked are not those that are',
  );
};

const listOf = ({ issuer, number }: Details) =>
  first(
    build
      .selectFrom('revocation_list as l')
      .innerJoin('generation as g', 'g.id', 'l.issuer_id')
      .innerJoin('fleet as f', 'f.id', 'g.fleet_id')
      .select(['l.audit_seq', 'l.issued_audit_seq', 'f.name'])
      .where('l.issuer_id', '=', Number(issuer))
      .where('l.number', '=', Number(number)),
  );

const checkListIntent: Check = function* ({ seq, fleet, details }, findings) {
  const row = yield* listOf(details);
  const there = row?.audit_seq === seq && row.name === fleet;
  findings.expect(there, seq, 'the entry tells of a CRL that is not there');
};

const checkListIssued: Check = function* ({ seq, fleet, details }, findings) {
  const row = yield* listOf(details);
  const there = row?.issued_audit_seq === seq && row.name === fleet;
  findings.expect(there, seq, 'the entry tells of a CRL that was not issued');
};

const checkSerial: Check = function* ({ seq, at, details }, findings) {
  const row = yield* first(
    build
      .selectFrom('revocation')
      .select(['audit_seq', 'revoked_at'])
      .where('issuer_id', '=', Number(details.issuer))
      .where('serial', '=', Buffer.from(String(details.serial), 'hex')),
  );
  const there = row?.audit_seq === seq && row.revoked_at === Date.parse(at);
  findings.expect(there, seq, 'the entry says that a serial was revoked, and it is not');
};

/** What the ledger must hold for an entry, by its action. */
export const REVOCATION_CHECKS: Readonly<Record<string, Check>> = {
  'certificates-revoked': checkRevokedTogether,
  'serial-revoked': checkSerial,
  'crl-intent-recorded': checkListIntent,
  'crl-issued': checkListIssued,
};
