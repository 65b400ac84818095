import { createHash } from 'node:crypto';
import type { Act, Generation, GenerationImport, GenerationIntent, LinePlace } from '../ca/index.ts';
import { type Asking, all, answer, first } from './asking.ts';
import { appendAudit } from './audit.ts';
import { closeRequest } from './close-request.ts';
import { fleetName } from './fleets.ts';
import { caIntentRow, insertChunk } from './intent-chunks.ts';
import { profileVersion } from './profile-versions.ts';
import { keyOfADevice, keyOfAnAuthority, verifyParentStands, verifyPlaceIsFree } from './refusals.ts';
import { build, type Session } from './session.ts';
import { verifyClock } from './verify-clock.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
const sha256 = (octets: Uint8Array): Uint8Array => createHash('sha256').update(octets).digest();

interface GenerationRow {
  id: number;
  fleet_id: number;
  authority: string;
  kind: string;
  number: number;
  state: string;
  profile: string;
  key_id: string;
  certificate: Uint8Array | null;
  issuer_id: number;
  imported: number;
  created_at: number;
  withdrawn_audit_seq: number | null;
  given_up_audit_seq: number | null;
  destroyed_audit_seq: number | null;
}

const selectGeneration = build
  .selectFrom('generation')
  .select([
    'id',
    'fleet_id',
    'authority',
    'kind',
    'number',
    'state',
    'profile',
    'key_id',
    'certificate',
    'issuer_id',
    'imported',
    'created_at',
    'withdrawn_audit_seq',
    'given_up_audit_seq',
    'destroyed_audit_seq',
  ]);

const linksOf = (subjectId: number) =>
  build
    .selectFrom('root_link')
    .select(['issuer_id', 'certificate'])
    .where('subject_id', '=', subjectId)
    .where('certificate', 'is not', null)
    .orderBy('intent_id');

/** Of a root: with its links. */
function* withLinks(generation: Generation): Asking<Generation> {
  if (generation.kind !== 'root') return generation;
  const rows = yield* all(linksOf(generation.id));
  const subjectId = generation.id;
  const links = rows.map(({ issuer_id: issuerId, certificate }) => ({
    subjectId,
    issuerId,
    certificate: certificate ?? new Uint8Array(0),
  }));
  return { ...generation, links };
}

function keyStateOf(row: GenerationRow): Generation['key'] {
  if (row.destroyed_audit_seq !== null) return 'destroyed';
  return row.given_up_audit_seq === null ? 'kept' : 'given-up';
}

const readGeneration = (row: GenerationRow): Generation => ({
  id: row.id,
  fleetId: row.fleet_id,
  authority: row.authority,
  kind: row.kind as Generation['kind'],
  number: row.number,
  state: row.state as Generation['state'],
  withdrawn: row.withdrawn_audit_seq !== null,
  key: keyStateOf(row),
  profile: row.profile,
  keyId: row.key_id,
  certificate: row.certificate ?? new Uint8Array(0),
  issuerId: row.issuer_id,
  imported: row.imported === 1,
  createdAt: new Date(row.created_at),
  links: [],
});

export function* listGenerations(fleetId: number): Asking<readonly Generation[]> {
  const rows = yield* all(
    selectGeneration.where('fleet_id', '=', fleetId).where('certificate', 'is not', null).orderBy('id'),
  );
  const roots = rows.filter(({ kind }) => kind === 'root');
  const generations: Generation[] = [];
  for (const row of rows) {
    const generation = readGeneration(row);
    generations.push(roots.length > 1 ? yield* withLinks(generation) : generation);
  }
  return generations;
}

export function* findGeneration(id: number): Asking<Generation | undefined> {
  const row = yield* first(selectGeneration.where('id', '=', id).where('certificate', 'is not', null));
  return row && (yield* withLinks(readGeneration(row)));
}

export function* listKeyIds(): Asking<readonly string[]> {
  const rows = yield* all(
    build
      .selectFrom('generation')
      .select('key_id')
      .union(build.selectFrom('authority_request').select('key_id'))
      .orderBy('key_id'),
  );
  return rows.map(({ key_id }) => key_id);
}

/**
 * A CA's key is nobody else's: no other authority's of the service, no device's of any fleet. So is one that an
 * authority hands out for devices to register with.
 */
export function claimCaKey(session: Session, keyDigest: Uint8Array, generationId: number): void {
  const taken = session.first(
    build.selectFrom('ca_key').select('generation_id').where('key_digest', '=', keyDigest),
  );
  if (taken) throw keyOfAnAuthority();
  const device = session.first(
    build.selectFrom('device_key').select('device').where('key_digest', '=', keyDigest).limit(1),
  );
  if (device) throw keyOfADevice();
  session.run(build.insertInto('ca_key').values({ key_digest: keyDigest, generation_id: generationId }));
  session.forget();
}

/** See `RotationLedger.nextGeneration`. */
export function* nextGeneration(fleetId: number, authority: string): Asking<number> {
  const last = yield* first(
    build
      .selectFrom('generation')
      .select('number')
      .where('fleet_id', '=', fleetId)
      .where('authority', '=', authority)
      .orderBy('number', 'desc')
      .limit(1),
  );
  return (last?.number ?? 0) + 1;
}

interface NewGeneration {
  readonly fleetId: number;
  readonly authority: string;
  readonly kind: string;
  readonly profile: string;
  readonly keyId: string;
  readonly keyDigest: Uint8Array;
  readonly issuerId: number | null;
  readonly certificate: Uint8Array | null;
  /** Where it was made elsewhere, what it is at once; `staged` until it is issued. */
  readonly place: LinePlace;
  readonly auditSeq: number;
}

/** What the entry of an import says. */
export const importDetails = ({ authority, kind, certificate, ceremony }: GenerationImport) => ({
  authority,
  kind,
  certificate: hex(sha256(certificate)),
  ...(ceremony === null ? {} : { ceremony: { ...ceremony } }),
});

function insertGeneration(session: Session, act: Act, wish: NewGeneration): number {
  const last = session.first(build.selectFrom('generation').select('id').orderBy('id', 'desc').limit(1));
  const id = (last?.id ?? 0) + 1;
  const done = wish.certificate !== null;
  session.run(
    build.insertInto('generation').values({
      id,
      fleet_id: wish.fleetId,
      authority: wish.authority,
      kind: wish.kind,
      number: answer(session, nextGeneration(wish.fleetId, wish.authority)),
      state: done && wish.place === 'first' ? 'active' : 'staged',
      profile: wish.profile,
      key_id: wish.keyId,
      key_digest: wish.keyDigest,
      issuer_id: wish.issuerId ?? id,
      imported: done ? 1 : 0,
      created_at: act.at.getTime(),
      certificate: wish.certificate,
      audit_seq: wish.auditSeq,
      issued_audit_seq: done ? wish.auditSeq : null,
    }),
  );
  claimCaKey(session, wish.keyDigest, id);
  return id;
}

export function recordGenerationIntent(
  session: Session,
  act: Act,
  runId: string,
  intent: GenerationIntent,
): { generationId: number } {
  verifyClock(session, act.at);
  const generations = answer(session, listGenerations(intent.fleetId));
  verifyPlaceIsFree(generations, intent);
  verifyParentStands(generations, intent.issuerId);
  const auditSeq = appendAudit(session, act, {
    action: 'generation-intent-recorded',
    fleet: fleetName(session, intent.fleetId),
    details: {
      authority: intent.authority,
      kind: intent.kind,
      profile: intent.profile,
      keyDigest: hex(intent.keyDigest),
      serial: hex(intent.serial),
      tbsDigest: hex(intent.tbsDigest),
    },
  });
  const generationId = insertGeneration(session, act, { ...intent, certificate: null, auditSeq });
  const { id, firstIntent } = insertChunk(session, {
    act,
    kind: 'authority',
    runId,
    batchId: null,
    fleetId: intent.fleetId,
    intents: 1,
    auditSeq,
  });
  session.run(
    build.insertInto('intent').values(
      caIntentRow(intent, {
        id: firstIntent,
        chunkId: id,
        profileId: profileVersion(session, intent.profile, intent.profileDigest),
        issuerId: intent.issuerId ?? generationId,
      }),
    ),
  );
  return { generationId };
}

export function recordGenerationIssued(
  session: Session,
  act: Act,
  runId: string,
  generationId: number,
  certificate: Uint8Array,
  place: LinePlace,
): Generation {
  const row = session.first(
    build
      .selectFrom('generation')
      .select(['fleet_id', 'authority', 'kind', 'issuer_id', 'audit_seq'])
      .where('id', '=', generationId),
  );
  // A generation and the chunk of its one intent have their entry in common.
  const { changes } = session.run(
    build
      .updateTable('intent_chunk')
      .set({ open: 0 })
      .where('audit_seq', '=', row?.audit_seq ?? 0)
      .where('kind', '=', 'authority')
      .where('run_id', '=', runId)
      .where('open', '=', 1),
  );
  if (!row || changes !== 1) throw new Error(`generation ${generationId} has no open intent of this run`);
  // Another of the same name may have been completed while this one was signed.
  const generations = answer(session, listGenerations(row.fleet_id));
  verifyPlaceIsFree(generations, { ...row, place });
  verifyParentStands(generations, row.issuer_id);
  const audit = appendAudit(session, act, {
    action: 'generation-issued',
    fleet: fleetName(session, row.fleet_id),
    details: { authority: row.authority, certificate: hex(sha256(certificate)) },
  });
  session.run(
    build
      .updateTable('generation')
      .set({ state: place === 'first' ? 'active' : 'staged', certificate, issued_audit_seq: audit })
      .where('id', '=', generationId),
  );
  return answer(session, findGeneration(generationId)) as Generation;
}

export function recordGenerationImported(
  session: Session,
  act: Act,
  generation: GenerationImport,
): Generation {
  const { fleetId } = generation;
  verifyPlaceIsFree(answer(session, listGenerations(fleetId)), generation);
  const auditSeq = appendAudit(session, act, {
    action: 'generation-imported',
    fleet: fleetName(session, fleetId),
    details: importDetails(generation),
  });
  const id = insertGeneration(session, act, { ...generation, auditSeq });
  session.run(closeRequest(generation.keyDigest, id));
  return answer(session, findGeneration(id)) as Generation;
}
