import { createHash } from 'node:crypto';
import type { Act, AuthorityRequest, NewAuthorityRequest } from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import { type Asking, all, first } from './asking.ts';
import type { Findings } from './findings.ts';
import { findFleetById } from './fleets.ts';
import { listGenerations } from './generations.ts';
import type { Planned } from './planned.ts';
import { noFleet, verifyPlaceIsFree } from './refusals.ts';
import { build } from './session.ts';
import type { Check } from './verify-revocations.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

interface Row {
  readonly id: number;
  readonly fleet_id: number;
  readonly authority: string;
  readonly profile: string;
  readonly key_id: string;
  readonly key_digest: Uint8Array;
  readonly info: Uint8Array;
  readonly created_at: number;
}

const selectOpen = build
  .selectFrom('authority_request')
  .select(['id', 'fleet_id', 'authority', 'profile', 'key_id', 'key_digest', 'info', 'created_at'])
  .where('generation_id', 'is', null);

const readRow = (row: Row): AuthorityRequest => ({
  fleetId: row.fleet_id,
  authority: row.authority,
  profile: row.profile,
  keyId: row.key_id,
  keyDigest: row.key_digest,
  info: row.info,
  createdAt: new Date(row.created_at),
});

/** See `Ledger.findAuthorityRequest`. */
export function* findAuthorityRequest(
  fleetId: number,
  authority: string,
): Asking<AuthorityRequest | undefined> {
  const row = yield* first(selectOpen.where('fleet_id', '=', fleetId).where('authority', '=', authority));
  return row && readRow(row);
}

/** See `Ledger.listAuthorityRequests`. */
export function* listAuthorityRequests(fleetId: number): Asking<readonly AuthorityRequest[]> {
  const rows = yield* all(selectOpen.where('fleet_id', '=', fleetId).orderBy('id'));
  return rows.map(readRow);
}

/** What the entry of a request says; the verifier compares it with the row. */
const detailsOf = (row: Pick<Row, 'authority' | 'profile' | 'key_id' | 'key_digest' | 'info'>) => ({
  authority: row.authority,
  profile: row.profile,
  keyId: row.key_id,
  keyDigest: hex(row.key_digest),
  info: createHash('sha256').update(row.info).digest('hex'),
});

/** See `Ledger.recordAuthorityRequest`. */
export function* planAuthorityRequest(
  { at }: Act,
  request: NewAuthorityRequest,
): Asking<Planned<AuthorityRequest>> {
  const { fleetId, authority, place } = request;
  const fleet = yield* findFleetById(fleetId);
  if (!fleet) throw noFleet();
  verifyPlaceIsFree(yield* listGenerations(fleetId), { authority, kind: 'issuing', place });
  if (yield* findAuthorityRequest(fleetId, authority))
    throw new PkiError('already-exists', `A certificate for ${authority} is asked for already.`);
  const row = {
    fleet_id: fleetId,
    authority,
    profile: request.profile,
    key_id: request.keyId,
    key_digest: request.keyDigest,
    info: request.info,
    created_at: at.getTime(),
  };
  return {
    entry: { action: 'authority-requested', fleet: fleet.name, details: detailsOf(row) },
    *write(auditSeq) {
      const [made] = yield* all(
        build
          .insertInto('authority_request')
          .values({ ...row, audit_seq: auditSeq, generation_id: null })
          .returning('id'),
      );
      return readRow({ ...row, id: made?.id ?? 0 });
    },
  };
}

const requestOf = (seq: number) =>
  first(
    build
      .selectFrom('authority_request as r')
      .innerJoin('fleet as f', 'f.id', 'r.fleet_id')
      .leftJoin('generation as g', 'g.id', 'r.generation_id')
      .select(['r.authority', 'r.profile', 'r.key_id', 'r.key_digest', 'r.info', 'f.name'])
      .select(['r.generation_id', 'g.key_id as of_key'])
      .where('r.audit_seq', '=', seq),
  );

/** A request is what its entry says, and closed by a generation of its key alone. */
const checkRequest: Check = function* ({ seq, fleet, details }, findings: Findings) {
  const row = yield* requestOf(seq);
  const same =
    row !== undefined &&
    row.name === fleet &&
    JSON.stringify(detailsOf(row)) === JSON.stringify(details) &&
    (row.generation_id === null || row.of_key === row.key_id);
  findings.expect(same, seq, 'the request for an authority is not what the entry says');
};

const countOf = (table: 'authority_request' | 'audit') =>
  table === 'audit'
    ? build
        .selectFrom('audit')
        .select((is) => is.fn.countAll<number>().as('n'))
        .where('action', '=', 'authority-requested')
    : build.selectFrom('authority_request').select((is) => is.fn.countAll<number>().as('n'));

/** There are as many requests as entries that tell of one. */
export function* verifyAuthorityRequests(findings: Findings): Asking<void> {
  const rows = Number((yield* first(countOf('authority_request')))?.n ?? 0);
  const told = Number((yield* first(countOf('audit')))?.n ?? 0);
  findings.expect(rows === told, null, `${rows} authorities are asked for, and the log tells of ${told}`);
}

/** What the ledger must hold for an entry, by its action. */
export const REQUEST_CHECKS: Readonly<Record<string, Check>> = { 'authority-requested': checkRequest };
