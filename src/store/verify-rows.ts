import { createHash } from 'node:crypto';
import { contentBytes, elementBytes, readElement } from '../asn1/index.ts';
import { type Asking, all, eachRow } from './asking.ts';
import { detailsOf, readAuditRow } from './audit.ts';
import type { Range } from './completions.ts';
import type { Findings } from './findings.ts';
import { build } from './session.ts';
import { readToken, tokenDetails } from './tokens.ts';

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
  // What was issued elsewhere has one entry for both.
  imported: { intended: 'certificates-imported', issued: 'certificates-imported' },
  authority: { intended: 'generation-intent-recorded', issued: 'generation-issued' },
  link: { intended: 'link-intent-recorded', issued: 'link-issued' },
} as const;
type Kind = keyof typeof ENTRIES;

const intentsAfter = (after: number, limit: number) =>
  build
    .selectFrom('intent as i')
    .leftJoin('intent_chunk as h', 'h.id', 'i.chunk_id')
    .leftJoin('certificate as c', 'c.intent_id', 'i.id')
    .leftJoin('ca_key as k', (join) =>
      join.onRef('k.key_digest', '=', 'i.key_digest').on('i.device', 'is', null),
    )
    .leftJoin('generation as g', 'g.id', 'k.generation_id')
    .leftJoin('root_link as l', 'l.intent_id', 'i.id')
    .leftJoin('audit as intended', 'intended.seq', 'h.audit_seq')
    .select(['i.id', 'i.device', 'i.abandoned', 'i.serial', 'i.tbs_digest', 'h.audit_seq'])
    .select(['h.kind', 'h.imported', 'h.first_intent', 'h.last_intent', 'intended.action as intended'])
    .select(['c.der', 'c.fingerprint', 'c.audit_seq as issued_by'])
    .select(['g.certificate', 'g.issued_audit_seq', 'g.audit_seq as generation_by'])
    .select(['l.audit_seq as link_by', 'l.certificate as link', 'l.issued_audit_seq as link_issued_by'])
    .where('i.id', '>', after)
    .orderBy('i.id')
    .limit(limit);

type IntentRow = Awaited<ReturnType<ReturnType<typeof intentsAfter>['execute']>>[number];

/** Tells whether an entry says that an intent was completed. Reads an entry once for the rows in a run that point to it. */
function entryReader(): (seq: number | null, kind: Kind, intentId: number) => Asking<boolean> {
  let last: { readonly seq: number; readonly ranges: readonly Range[] } | undefined;
  const rangesOf = function* (seq: number): Asking<readonly Range[]> {
    const said = yield* detailsOf(seq, ENTRIES.device.issued);
    return Array.isArray(said?.intents) ? said.intents : [];
  };
  return function* (seq, kind, intentId) {
    if (seq === null) return false;
    if (kind !== 'device') return (yield* detailsOf(seq, ENTRIES[kind].issued)) !== undefined;
    if (last?.seq !== seq) last = { seq, ranges: yield* rangesOf(seq) };
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

function kindOf({ device, link_by, imported }: IntentRow): Kind {
  if (device !== null) return imported === 1 ? 'imported' : 'device';
  return link_by === null ? 'authority' : 'link';
}

/** The certificate of an intent, and the entry that tells of it. */
function issuedOf(row: IntentRow): readonly [Uint8Array | null, number | null] {
  if (row.device !== null) return [row.der, row.issued_by];
  if (kindOf(row) === 'link') return [row.link, row.link_issued_by];
  return [row.certificate, row.issued_audit_seq];
}

/** An intent lies in a chunk that has it, of its kind, with an entry that tells of it. */
function verifyIntended(row: IntentRow, says: string, findings: Findings): void {
  const kind = kindOf(row);
  const seq = row.audit_seq;
  findings.expect(row.intended === ENTRIES[kind].intended, seq, `${says} has no audit entry of its own`);
  const within = (row.first_intent ?? 0) <= row.id && row.id <= (row.last_intent ?? 0);
  findings.expect(
    within && row.kind === (row.device === null ? 'authority' : 'device'),
    seq,
    `${says} is not of the chunk that it points to`,
  );
  // An authority's chunk, its intent and its generation, or link, have their entry in common.
  const own = row.device !== null || (kind === 'link' ? row.link_by : row.generation_by) === seq;
  findings.expect(own, seq, `${says} belongs to another authority than it says`);
}

/** Every intent has its entry, and where it has a certificate, that is what was intended. */
export function* verifyIntents(findings: Findings): Asking<IntentCounts> {
  const counts = { intents: 0, abandoned: 0, open: 0, certificates: 0 };
  const tellsOf = entryReader();
  yield* eachRow(
    intentsAfter,
    ({ id }) => id,
    function* (row) {
      counts.intents++;
      const [der, issuedBy] = issuedOf(row);
      const says = `intent ${row.id} (serial ${hex(row.serial)})`;
      verifyIntended(row, says, findings);
      if (row.abandoned === 1) counts.abandoned++;
      else if (der === null) counts.open++;
      if (der === null) return;
      counts.certificates++;
      findings.expect(row.abandoned === 0, row.audit_seq, `${says} is abandoned and has a certificate`);
      const told = yield* findings.readAsking(issuedBy, 'the entry', () =>
        tellsOf(issuedBy, kindOf(row), row.id),
      );
      findings.expect(
        told === true,
        row.audit_seq,
        `the certificate of ${says} has no audit entry of its own`,
      );
      verifyIssued(row, der, says, findings);
    },
  );
  return counts;
}

const chunksAfter = (after: number, limit: number) =>
  build
    .selectFrom('intent_chunk')
    .select(['id', 'kind', 'first_intent', 'last_intent', 'open', 'audit_seq'])
    .where('id', '>', after)
    .orderBy('id')
    .limit(limit);

/** The intents of a chunk that are neither completed nor abandoned. */
const openOf = (first: number, last: number) =>
  build
    .selectFrom('intent as i')
    .leftJoin('certificate as c', 'c.intent_id', 'i.id')
    .leftJoin('ca_key as k', (join) =>
      join.onRef('k.key_digest', '=', 'i.key_digest').on('i.device', 'is', null),
    )
    .leftJoin('generation as g', 'g.id', 'k.generation_id')
    .leftJoin('root_link as l', 'l.intent_id', 'i.id')
    .select('i.id')
    .where('i.id', '>=', first)
    .where('i.id', '<=', last)
    .where('i.abandoned', '=', 0)
    .where('c.intent_id', 'is', null)
    .where((is) =>
      is.or([
        is.and([is('l.intent_id', 'is not', null), is('l.certificate', 'is', null)]),
        is.and([is('l.intent_id', 'is', null), is('g.certificate', 'is', null)]),
      ]),
    );

function* tellsOfIntents(seq: number, kind: string): Asking<unknown> {
  const { device, imported, authority, link } = ENTRIES;
  if (kind === 'device')
    return (yield* detailsOf(seq, device.intended)) ?? (yield* detailsOf(seq, imported.intended));
  return (yield* detailsOf(seq, authority.intended)) ?? (yield* detailsOf(seq, link.intended));
}

/** Every chunk counts the intents of it that are open, and its entry is one that tells of intents. */
export function* verifyChunks(findings: Findings): Asking<void> {
  yield* eachRow(
    chunksAfter,
    ({ id }) => id,
    function* ({ id, kind, first_intent, last_intent, open, audit_seq: seq }) {
      const told = yield* findings.readAsking(seq, 'the entry', () => tellsOfIntents(seq, kind));
      findings.expect(told !== undefined, seq, `chunk ${id} of intents has no audit entry of its own`);
      const { length: counted } = yield* all(openOf(first_intent, last_intent));
      findings.expect(counted === open, seq, `chunk ${id} counts ${open} open intents of ${counted}`);
    },
  );
}

function* verifyTokens(findings: Findings): Asking<void> {
  const revocations = yield* all(build.selectFrom('audit').selectAll().where('action', '=', 'token-revoked'));
  const revoked = new Set(
    revocations.map((row) => findings.read(row.seq, 'the entry', () => readAuditRow(row).details.id)),
  );
  for (const token of yield* all(build.selectFrom('token').selectAll())) {
    const { id, audit_seq: seq } = token;
    const created = yield* findings.readAsking(seq, 'the entry', () => detailsOf(seq, 'token-created'));
    const said = findings.read(seq, `token ${id}`, () => ({
      created: JSON.stringify(created),
      now: JSON.stringify(tokenDetails(readToken(token))),
    }));
    findings.expect(said?.created === said?.now, seq, `token ${id} is not what was created`);
    const told = token.revoked_at === null || revoked.has(id);
    findings.expect(told, seq, `token ${id} is revoked without an entry that says so`);
  }
}

function* verifyFleets(findings: Findings): Asking<void> {
  for (const fleet of yield* all(build.selectFrom('fleet').selectAll())) {
    const { name, target, gateway_url, gateway_root, settings, audit_seq: seq } = fleet;
    const created = yield* findings.readAsking(seq, 'the entry', () => detailsOf(seq, 'fleet-created'));
    const isOurs = created?.name === name && created.target === target;
    findings.expect(isOurs, seq, `fleet ${name} is not what was created`);
    const last = fleet.settings_audit_seq ?? seq;
    const action = last === seq ? 'fleet-created' : 'fleet-changed';
    const said = yield* findings.readAsking(last, 'the entry', () => detailsOf(last, action));
    const same =
      said?.gatewayUrl === gateway_url &&
      said.gatewayRoot === gateway_root &&
      (said.settings ?? '{}') === settings;
    findings.expect(same, last, `fleet ${name} is not as its entry says`);
  }
}

function* verifyGenerations(findings: Findings): Asking<void> {
  const generations = yield* all(
    build.selectFrom('generation').selectAll().where('certificate', 'is not', null),
  );
  for (const { issued_audit_seq: seq, imported, authority, certificate } of generations) {
    const action = imported === 1 ? 'generation-imported' : 'generation-issued';
    const said = yield* findings.readAsking(seq, 'the entry', () => detailsOf(seq, action));
    const same = certificate !== null && said?.certificate === sha256(certificate);
    findings.expect(same, seq, `authority ${authority} has another certificate than was issued`);
  }
}

/** Rows that an entry told of say what it said. */
export function* verifyRecords(findings: Findings): Asking<void> {
  yield* verifyTokens(findings);
  yield* verifyFleets(findings);
  yield* verifyGenerations(findings);
}
