import type { AuditEntry } from '../ca/index.ts';
import { ACKNOWLEDGEMENT_CHECKS } from './acknowledgements.ts';
import { type Asking, all, eachRow, first } from './asking.ts';
import { type AuditRow, auditHash, GENESIS, readAuditRow } from './audit.ts';
import { REQUEST_CHECKS } from './authority-requests.ts';
import { chunkOf, chunksOf, expectRows, fieldsOfIntent, intentsOf, OTHER_ROWS } from './chunk-of-entry.ts';
import type { Range } from './completions.ts';
import type { Findings } from './findings.ts';
import { intentFields } from './intents.ts';
import type { Schema } from './schema.ts';
import { build } from './session.ts';
import { DESTINATION_CHECKS } from './verify-destinations.ts';
import { DESTRUCTION_CHECKS } from './verify-destructions.ts';
import { DEVICE_CHECKS } from './verify-devices.ts';
import { IMPORT_CHECKS } from './verify-imports.ts';
import { LINK_CHECKS } from './verify-links.ts';
import { REGISTRATION_CHECKS } from './verify-registrations.ts';
import { RESTORATION_CHECKS } from './verify-restorations.ts';
import { REVOCATION_CHECKS } from './verify-revocations.ts';
import { ROTATION_CHECKS } from './verify-rotation.ts';
import { SERVER_CHECKS } from './verify-servers.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

type Details = Readonly<Record<string, unknown>>;
type Check = (entry: AuditEntry, findings: Findings) => Asking<void>;

const checkIntents: Check = function* (entry, findings) {
  const chunk = yield* chunkOf(entry, findings);
  if (!chunk) return;
  const rows = yield* intentsOf(chunk);
  const own = rows.every(({ chunk_id }) => chunk_id === chunk.id);
  findings.expect(own && chunk.kind === 'device', entry.seq, OTHER_ROWS);
  const fields = rows.map((row) => intentFields(fieldsOfIntent(row)));
  expectRows(entry, findings, entry.details.recorded, fields);
};

type CertificateRow = Pick<Schema['certificate'], 'intent_id' | 'fingerprint' | 'issued_at' | 'audit_seq'>;

const certificatesOf = ([from, to]: Range): Asking<readonly CertificateRow[]> =>
  all(
    build
      .selectFrom('certificate')
      .select(['intent_id', 'fingerprint', 'issued_at', 'audit_seq'])
      .where('intent_id', '>=', from)
      .where('intent_id', '<=', to)
      .orderBy('intent_id'),
  );

const checkCertificates: Check = function* (entry, findings) {
  const ranges = entry.details.intents as readonly Range[];
  const rows: CertificateRow[] = [];
  for (const range of ranges) for (const row of yield* certificatesOf(range)) rows.push(row);
  const at = Date.parse(entry.at);
  const own = rows.every(({ audit_seq, issued_at }) => audit_seq === entry.seq && issued_at === at);
  findings.expect(own, entry.seq, OTHER_ROWS);
  expectRows(
    entry,
    findings,
    entry.details.issued,
    rows.map((row) => [row.intent_id, row.fingerprint]),
  );
};

const checkAbandoned: Check = function* ({ seq, details }, findings) {
  for (const id of details.intents as readonly number[]) {
    const row = yield* first(build.selectFrom('intent').select('abandoned').where('id', '=', id));
    findings.expect(row?.abandoned === 1, seq, `intent ${id} was abandoned, and is no longer`);
  }
};

const checkGenerationIntent: Check = function* (entry, findings) {
  const { seq, details } = entry;
  const [chunk, ...more] = yield* chunksOf(seq);
  const rows = chunk ? yield* intentsOf(chunk) : [];
  const [row] = rows;
  const same =
    chunk !== undefined &&
    more.length === 0 &&
    row !== undefined &&
    rows.length === 1 &&
    chunk.kind === 'authority' &&
    chunk.actor_id === entry.actor.id &&
    chunk.created_at === Date.parse(entry.at) &&
    chunk.fleet === entry.fleet &&
    row.chunk_id === chunk.id &&
    row.name === details.profile &&
    hex(row.key_digest) === details.keyDigest &&
    hex(row.serial) === details.serial &&
    hex(row.tbs_digest) === details.tbsDigest;
  findings.expect(same, seq, OTHER_ROWS);
};

const checkGeneration: Check = function* ({ seq }, findings) {
  const row = yield* first(build.selectFrom('generation').select('id').where('issued_audit_seq', '=', seq));
  findings.expect(row !== undefined, seq, 'the entry tells of an authority that is not there');
};

const checkFleet: Check = function* ({ seq, details }, findings) {
  const named = build.selectFrom('fleet').select('audit_seq').where('name', '=', String(details.name));
  const found = (yield* first(named))?.audit_seq === seq;
  findings.expect(found, seq, 'the entry tells of a fleet that is not there');
};

/** The row is held to its last change; what matters here is that none after it went missing. */
const checkFleetChanged: Check = function* ({ seq, fleet }, findings) {
  const named = build.selectFrom('fleet').select('settings_audit_seq').where('name', '=', String(fleet));
  const last = (yield* first(named))?.settings_audit_seq ?? 0;
  findings.expect(last >= seq, seq, 'the entry says that a fleet was changed, and the fleet does not');
};

const tokenOf = (details: Details) =>
  first(build.selectFrom('token').select(['audit_seq', 'revoked_at']).where('id', '=', String(details.id)));

const checkToken: Check = function* ({ seq, details }, findings) {
  const found = (yield* tokenOf(details))?.audit_seq === seq;
  findings.expect(found, seq, 'the entry tells of a token that is not there');
};

const checkTokenRevoked: Check = function* ({ seq, at, details }, findings) {
  const marked = (yield* tokenOf(details))?.revoked_at === Date.parse(at);
  findings.expect(marked, seq, 'the entry says that a token was revoked, and the token does not');
};

const checkRevoked: Check = function* ({ seq, at, details }, findings) {
  const row = yield* first(
    build
      .selectFrom('certificate')
      .select(['revoked_at', 'revocation_reason'])
      .where('fingerprint', '=', Buffer.from(String(details.certificate), 'hex')),
  );
  const marked = row?.revoked_at === Date.parse(at) && row.revocation_reason === details.reason;
  findings.expect(marked, seq, 'the entry says that a certificate was revoked, and the certificate does not');
};

const checkOutcomes: Check = function* (entry, findings) {
  const { batch, attempt, firstSeq, issued, replayed, refused, failed } = entry.details;
  const count = [issued, replayed, refused, failed].reduce<number>((sum, n) => sum + Number(n), 0);
  const rows = yield* all(
    build
      .selectFrom('batch_outcome')
      .select(['row_number', 'status', 'intent_id', 'problem'])
      .where('batch', '=', (query) =>
        query.selectFrom('batch').select('number').where('id', '=', String(batch)),
      )
      .where('attempt', '=', Number(attempt))
      .where('seq', '>=', Number(firstSeq))
      .where('seq', '<', Number(firstSeq) + count)
      .orderBy('seq'),
  );
  const fields = rows.map((row) => [
    row.row_number,
    row.status,
    row.intent_id,
    row.problem === null ? null : String(JSON.parse(row.problem).code),
  ]);
  expectRows(entry, findings, count, fields);
};

/** What the ledger must hold for an entry, by its action; of the others, the entry is all there is. */
const CHECKS: Readonly<Record<string, Check>> = {
  'intents-recorded': checkIntents,
  'certificates-issued': checkCertificates,
  'intents-abandoned': checkAbandoned,
  'generation-intent-recorded': checkGenerationIntent,
  'generation-issued': checkGeneration,
  'generation-imported': checkGeneration,
  'fleet-created': checkFleet,
  'fleet-changed': checkFleetChanged,
  'token-created': checkToken,
  'token-revoked': checkTokenRevoked,
  'certificate-revoked': checkRevoked,
  'batch-outcomes-recorded': checkOutcomes,
  ...IMPORT_CHECKS,
  ...REGISTRATION_CHECKS,
  ...LINK_CHECKS,
  ...REQUEST_CHECKS,
  ...ROTATION_CHECKS,
  ...DESTRUCTION_CHECKS,
  ...ACKNOWLEDGEMENT_CHECKS,
  ...SERVER_CHECKS,
  ...DESTINATION_CHECKS,
  ...REVOCATION_CHECKS,
  ...RESTORATION_CHECKS,
  ...DEVICE_CHECKS,
};

function* checkEntry(row: AuditRow, findings: Findings): Asking<void> {
  const entry = readAuditRow(row);
  const fits = hex(auditHash(row.previous, entry)) === entry.hash;
  findings.expect(fits, row.seq, 'the entry was changed: its hash does not fit');
  const check = CHECKS[entry.action];
  if (check) yield* check(entry, findings);
}

/** The chain from its first entry, and that the ledger holds what each entry tells of. */
export function* verifyEntries(findings: Findings): Asking<{ entries: number; head: string }> {
  let previous: Uint8Array = GENESIS;
  let due = 1;
  let entries = 0;
  const entriesAfter = (after: number, limit: number) =>
    build.selectFrom('audit').selectAll().where('seq', '>', after).orderBy('seq').limit(limit);
  yield* eachRow(
    entriesAfter,
    ({ seq }) => seq,
    function* (row) {
      const { seq } = row;
      entries++;
      findings.expect(seq === due, seq, `entry ${due} is missing`);
      const follows = Buffer.compare(row.previous, previous) === 0;
      findings.expect(follows, seq, 'the entry does not follow the one before it');
      yield* findings.readAsking(seq, 'the entry, or what it tells of,', () => checkEntry(row, findings));
      previous = row.hash;
      due = seq + 1;
    },
  );
  return { entries, head: hex(previous) };
}
