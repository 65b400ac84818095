import { createHash } from 'node:crypto';
import type { Act, Generation, GenerationImport, GenerationIntent, LinePlace } from '../../ca/index.ts';
import { closeRequest } from '../close-request.ts';
import { findGeneration, importDetails, listGenerations } from '../generations.ts';
import { caIntentRow } from '../intent-chunks.ts';
import { keyOfADevice, keyOfAnAuthority, verifyParentStands, verifyPlaceIsFree } from '../refusals.ts';
import { build } from '../session.ts';
import { fleetName } from './fleets.ts';
import { profileVersions } from './profile-versions.ts';
import type { PostgresSession } from './session.ts';
import type { Transaction } from './transaction.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');
const sha256 = (octets: Uint8Array): Uint8Array => createHash('sha256').update(octets).digest();

async function getGeneration(session: PostgresSession, id: number): Promise<Generation> {
  const generation = await session.answer(findGeneration(id));
  if (!generation) throw new Error(`generation ${id} was completed and is not there`);
  return generation;
}

const IS_DEVICE_KEY = 'SELECT 1 FROM device_key WHERE key_digest = $1 LIMIT 1';

/** See the other engine's. */
export async function claimCaKey(
  session: PostgresSession,
  keyDigest: Uint8Array,
  generationId: number,
): Promise<void> {
  const taken = await session.first(
    build.selectFrom('ca_key').select('generation_id').where('key_digest', '=', keyDigest),
  );
  if (taken) throw keyOfAnAuthority();
  if ((await session.rows(IS_DEVICE_KEY, keyDigest)).length > 0) throw keyOfADevice();
  await session.run(
    build.insertInto('ca_key').values({ key_digest: keyDigest, generation_id: generationId }),
  );
}

/** Number of a generation in the service, and in its authority. */
const NEXT = `SELECT coalesce((SELECT max(id) FROM generation), 0) + 1 AS id,
  coalesce((SELECT max(number) FROM generation WHERE fleet_id = $1 AND authority = $2), 0) + 1 AS number`;

interface NewGeneration {
  readonly fleetId: number;
  readonly authority: string;
  readonly kind: string;
  readonly profile: string;
  readonly keyId: string;
  readonly keyDigest: Uint8Array;
  readonly issuerId: number | null;
  readonly certificate: Uint8Array | null;
  readonly place: LinePlace;
  readonly auditSeq: number;
}

async function insertGeneration(session: PostgresSession, act: Act, wish: NewGeneration): Promise<number> {
  const [next] = await session.rows<{ id: number; number: number }>(NEXT, wish.fleetId, wish.authority);
  const { id, number } = next ?? { id: 1, number: 1 };
  const done = wish.certificate !== null;
  await session.run(
    build.insertInto('generation').values({
      id,
      fleet_id: wish.fleetId,
      authority: wish.authority,
      kind: wish.kind,
      number,
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
  await claimCaKey(session, wish.keyDigest, id);
  return id;
}

async function insertIntent(
  transaction: Transaction,
  act: Act,
  runId: string,
  intent: GenerationIntent,
  claimed: { readonly generationId: number; readonly auditSeq: number },
): Promise<void> {
  const { auditSeq, generationId } = claimed;
  const { fleetId } = intent;
  const chunk = { act, kind: 'authority', runId, batchId: null, fleetId, intents: 1, auditSeq } as const;
  const { id, firstIntent } = await transaction.insertChunk(chunk);
  const [profileId = 0] = await profileVersions(transaction, [intent]);
  await transaction.run(
    build.insertInto('intent').values(
      caIntentRow(intent, {
        id: firstIntent,
        chunkId: id,
        profileId: profileId,
        issuerId: intent.issuerId ?? generationId,
      }),
    ),
  );
}

export async function recordGenerationIntent(
  transaction: Transaction,
  act: Act,
  runId: string,
  intent: GenerationIntent,
): Promise<{ generationId: number }> {
  transaction.verifyClock(act.at);
  const generations = await transaction.answer(listGenerations(intent.fleetId));
  verifyPlaceIsFree(generations, intent);
  verifyParentStands(generations, intent.issuerId);
  const auditSeq = await transaction.appendAudit(act, {
    action: 'generation-intent-recorded',
    fleet: await fleetName(transaction, intent.fleetId),
    details: {
      authority: intent.authority,
      kind: intent.kind,
      profile: intent.profile,
      keyDigest: hex(intent.keyDigest),
      serial: hex(intent.serial),
      tbsDigest: hex(intent.tbsDigest),
    },
  });
  const generationId = await insertGeneration(transaction, act, { ...intent, certificate: null, auditSeq });
  await insertIntent(transaction, act, runId, intent, { generationId, auditSeq });
  return { generationId };
}

export async function recordGenerationIssued(
  transaction: Transaction,
  act: Act,
  runId: string,
  generationId: number,
  certificate: Uint8Array,
  place: LinePlace,
): Promise<Generation> {
  const row = await transaction.first(
    build
      .selectFrom('generation')
      .select(['fleet_id', 'authority', 'kind', 'issuer_id', 'audit_seq'])
      .where('id', '=', generationId),
  );
  // A generation and the chunk of its one intent have their entry in common.
  const changes = await transaction.run(
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
  const generations = await transaction.answer(listGenerations(row.fleet_id));
  verifyPlaceIsFree(generations, { ...row, place });
  verifyParentStands(generations, row.issuer_id);
  const audit = await transaction.appendAudit(act, {
    action: 'generation-issued',
    fleet: await fleetName(transaction, row.fleet_id),
    details: { authority: row.authority, certificate: hex(sha256(certificate)) },
  });
  await transaction.run(
    build
      .updateTable('generation')
      .set({ state: place === 'first' ? 'active' : 'staged', certificate, issued_audit_seq: audit })
      .where('id', '=', generationId),
  );
  return getGeneration(transaction, generationId);
}

export async function recordGenerationImported(
  transaction: Transaction,
  act: Act,
  generation: GenerationImport,
): Promise<Generation> {
  const { fleetId } = generation;
  verifyPlaceIsFree(await transaction.answer(listGenerations(fleetId)), generation);
  const auditSeq = await transaction.appendAudit(act, {
    action: 'generation-imported',
    fleet: await fleetName(transaction, fleetId),
    details: importDetails(generation),
  });
  const id = await insertGeneration(transaction, act, { ...generation, auditSeq });
  await transaction.run(closeRequest(generation.keyDigest, id));
  return getGeneration(transaction, id);
}
