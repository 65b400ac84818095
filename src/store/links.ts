import { createHash } from 'node:crypto';
import type { Act, Generation, LinkIntent, RootLink } from '../ca/index.ts';
import { type Asking, all, answer, first } from './asking.ts';
import { appendAudit } from './audit.ts';
import { fleetName } from './fleets.ts';
import { findGeneration } from './generations.ts';
import { caIntentRow, insertChunk } from './intent-chunks.ts';
import type { Planned } from './planned.ts';
import { profileVersion } from './profile-versions.ts';
import { foundCompromised, linkExists } from './refusals.ts';
import { build, type Session } from './session.ts';
import { verifyClock } from './verify-clock.ts';

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

const issuedOf = (subjectId: number, issuerId: number) =>
  build
    .selectFrom('root_link')
    .select('intent_id')
    .where('subject_id', '=', subjectId)
    .where('issuer_id', '=', issuerId)
    .where('certificate', 'is not', null);

/** Refuses `already-exists`. */
export function* verifyPairIsFree({
  subjectId,
  issuerId,
}: Pick<LinkIntent, 'subjectId' | 'issuerId'>): Asking<void> {
  if (yield* first(issuedOf(subjectId, issuerId))) throw linkExists();
}

/** What the entry of an intent says; the verifier compares it with the rows. */
export const linkDetails = (
  intent: Pick<LinkIntent, 'subjectId' | 'issuerId' | 'serial' | 'tbsDigest' | 'keyDigest'>,
) => ({
  subject: intent.subjectId,
  issuer: intent.issuerId,
  keyDigest: hex(intent.keyDigest),
  serial: hex(intent.serial),
  tbsDigest: hex(intent.tbsDigest),
});

export interface LinkPlace {
  readonly intentId: number;
  readonly chunkId: number;
  readonly profileId: number;
  readonly auditSeq: number;
}

/** The intent and the link of it, in a chunk that is there. */
export function* insertLink(intent: LinkIntent, place: LinkPlace): Asking<void> {
  const { intentId, chunkId, profileId, auditSeq } = place;
  yield* all(
    build
      .insertInto('intent')
      .values(
        caIntentRow(intent, {
          id: intentId,
          chunkId: chunkId,
          profileId: profileId,
          issuerId: intent.issuerId,
        }),
      )
      .returning('id'),
  );
  yield* all(
    build
      .insertInto('root_link')
      .values({
        intent_id: intentId,
        subject_id: intent.subjectId,
        issuer_id: intent.issuerId,
        certificate: null,
        audit_seq: auditSeq,
        issued_audit_seq: null,
      })
      .returning('intent_id'),
  );
}

/** See `LinkLedger.recordLinkIntent`. */
export function recordLinkIntent(
  session: Session,
  act: Act,
  runId: string,
  intent: LinkIntent,
): { intentId: number } {
  verifyClock(session, act.at);
  answer(session, verifyPairIsFree(intent));
  const { fleetId, profile, profileDigest } = intent;
  const fleet = fleetName(session, fleetId);
  const auditSeq = appendAudit(session, act, {
    action: 'link-intent-recorded',
    fleet,
    details: linkDetails(intent),
  });
  const chunk = { act, kind: 'authority', runId, batchId: null, fleetId, intents: 1, auditSeq } as const;
  const { id: chunkId, firstIntent: intentId } = insertChunk(session, chunk);
  const profileId = profileVersion(session, profile, profileDigest);
  answer(session, insertLink(intent, { intentId, chunkId, profileId, auditSeq }));
  return { intentId };
}

const openOf = (intentId: number, runId: string) =>
  build
    .selectFrom('root_link as l')
    .innerJoin('intent as i', 'i.id', 'l.intent_id')
    .innerJoin('intent_chunk as k', 'k.id', 'i.chunk_id')
    .innerJoin('generation as g', 'g.id', 'l.subject_id')
    .innerJoin('fleet as f', 'f.id', 'g.fleet_id')
    .select(['l.subject_id', 'l.issuer_id', 'i.chunk_id', 'f.name'])
    .where('l.intent_id', '=', intentId)
    .where('l.certificate', 'is', null)
    .where('i.abandoned', '=', 0)
    .where('k.run_id', '=', runId)
    .where('k.open', '=', 1);

/** What the entry of a link says. */
export const issuedLinkDetails = (
  { subjectId, issuerId }: Pick<RootLink, 'subjectId' | 'issuerId'>,
  certificate: Uint8Array,
) => ({
  subject: subjectId,
  issuer: issuerId,
  certificate: hex(createHash('sha256').update(certificate).digest()),
});

/** See `LinkLedger.recordLinkIssued`. */
export function* planLinkIssued(
  _act: Act,
  runId: string,
  intentId: number,
  certificate: Uint8Array,
): Asking<Planned<Generation>> {
  const open = yield* first(openOf(intentId, runId));
  if (!open) throw new Error(`intent ${intentId} is no open intent of a link of this run`);
  const pair = { subjectId: open.subject_id, issuerId: open.issuer_id };
  // Another of the same pair may have been completed while this one was signed.
  yield* verifyPairIsFree(pair);
  // A root that was withdrawn meanwhile would be trusted by it again.
  for (const id of [pair.subjectId, pair.issuerId])
    if ((yield* findGeneration(id))?.state === 'compromised') throw foundCompromised();
  return {
    entry: { action: 'link-issued', fleet: open.name, details: issuedLinkDetails(pair, certificate) },
    *write(auditSeq) {
      yield* all(
        build.updateTable('intent_chunk').set({ open: 0 }).where('id', '=', open.chunk_id).returning('id'),
      );
      yield* all(
        build
          .updateTable('root_link')
          .set({ certificate, issued_audit_seq: auditSeq })
          .where('intent_id', '=', intentId)
          .returning('intent_id'),
      );
      return (yield* findGeneration(pair.subjectId)) as Generation;
    },
  };
}
