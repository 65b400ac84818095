import { PkiError } from '../errors.ts';
import { type Certificate, isSignedBy, parseCertificate } from '../x509/index.ts';
import { type Asking, all, eachRow } from './asking.ts';
import {
  type ChunkRow,
  chunkOf,
  expectRows,
  fieldsOfIntent,
  intentsOf,
  OTHER_ROWS,
} from './chunk-of-entry.ts';
import type { Findings } from './findings.ts';
import { importedFields } from './foreign-certificates.ts';
import { build } from './session.ts';
import type { Check } from './verify-revocations.ts';

type Rows = Pick<ChunkRow, 'first_intent' | 'last_intent'>;

const certificatesOf = ({ first_intent: from, last_intent: to }: Rows) =>
  all(
    build
      .selectFrom('certificate as c')
      .innerJoin('intent as i', 'i.id', 'c.intent_id')
      .select(['c.intent_id', 'c.fingerprint', 'c.der', 'c.issued_at', 'c.audit_seq', 'i.issuer_id'])
      .select(['c.revoked_at', 'c.revocation_reason', 'c.revoked_audit_seq'])
      .where('c.intent_id', '>=', from)
      .where('c.intent_id', '<=', to)
      .orderBy('c.intent_id'),
  );

/** The chunk, its rows and their certificates are what the entry of an import tells of. */
const checkImport: Check = function* (entry, findings) {
  const chunk = yield* chunkOf(entry, findings);
  if (!chunk) return;
  const rows = yield* intentsOf(chunk);
  const certificates = yield* certificatesOf(chunk);
  const at = Date.parse(entry.at);
  const own =
    chunk.kind === 'device' &&
    chunk.imported === 1 &&
    rows.every(({ chunk_id }) => chunk_id === chunk.id) &&
    certificates.length === rows.length &&
    certificates.every(({ audit_seq, issued_at }) => audit_seq === entry.seq && issued_at === at);
  findings.expect(own, entry.seq, OTHER_ROWS);
  const came = certificates.map(({ revoked_audit_seq: by, ...one }) =>
    by === entry.seq ? { at: one.revoked_at ?? 0, reason: one.revocation_reason ?? '' } : null,
  );
  const fields = rows.map((row, i) =>
    importedFields({
      intent: fieldsOfIntent(row),
      fingerprint: certificates[i]?.fingerprint ?? new Uint8Array(0),
      revocation: came[i] ?? null,
    }),
  );
  expectRows(entry, findings, entry.details.imported, fields);
  const revoked = came.filter((one) => one !== null).length;
  findings.expect(revoked === entry.details.revoked, entry.seq, OTHER_ROWS);
};

const importsAfter = (after: number, limit: number) =>
  build
    .selectFrom('intent_chunk')
    .select(['id', 'first_intent', 'last_intent', 'audit_seq'])
    .where('imported', '=', 1)
    .where('id', '>', after)
    .orderBy('id')
    .limit(limit);

function* readIssuers(): Asking<ReadonlyMap<number, Certificate>> {
  const rows = yield* all(
    build.selectFrom('generation').select(['id', 'certificate']).where('certificate', 'is not', null),
  );
  const issuers = new Map<number, Certificate>();
  for (const { id, certificate } of rows) {
    try {
      issuers.set(id, parseCertificate(certificate ?? new Uint8Array(0)));
    } catch (failure) {
      // It is found to be another than its entry says, elsewhere.
      if (!(failure instanceof PkiError)) throw failure;
    }
  }
  return issuers;
}

/** Every certificate that was issued elsewhere carries the signature of its issuer on record: no intent of ours stands for it. */
export function* verifyImports(findings: Findings): Asking<void> {
  const issuers = yield* readIssuers();
  yield* eachRow(
    importsAfter,
    ({ id }) => id,
    function* (chunk) {
      for (const { intent_id: id, der, issuer_id } of yield* certificatesOf(chunk)) {
        const says = `imported certificate ${id}`;
        const certificate = findings.read(chunk.audit_seq, says, () => parseCertificate(der));
        if (!certificate) continue;
        const issuer = issuers.get(issuer_id);
        const isSigned = issuer !== undefined && isSignedBy(certificate, issuer);
        findings.expect(isSigned, chunk.audit_seq, `${says} was not signed by its issuer`);
      }
    },
  );
}

/** What the ledger must hold for an entry, by its action. */
export const IMPORT_CHECKS: Readonly<Record<string, Check>> = { 'certificates-imported': checkImport };
