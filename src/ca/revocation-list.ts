import { type CrlPage, maySignCrls, prepareCrl, prepareCrlPage } from '../policy/index.ts';
import type { CaContext } from './context.ts';
import { generationCertificate, issuerFor } from './issuer.ts';
import { placeOf } from './keystore-ports.ts';
import type { Act, Generation } from './ledger-records.ts';
import type { ListFacts, ListState, RevocationQuery } from './revocation-ports.ts';
import { signWith } from './sign-with.ts';

/** How long CRLs hold, and when they are made anew. */
export interface ListTerms {
  /** From thisUpdate to nextUpdate. */
  readonly validHours: number;
  /** From one to the next where nothing was revoked meanwhile; at most half of `validHours`. */
  readonly everyHours: number;
}

const HOUR = 3_600_000;
/** A gateway whose clock runs behind would refuse the whole fleet for a CRL that is not valid yet. */
const BACKDATE_MS = 5 * 60_000;
/** Entries that are read and encoded at a time: a few milliseconds, between which others are served. */
const PAGE = 2_000;

/**
 * True where the issuer has CRLs: of devices, and with the right to sign them. What a registration CA signs is
 * shown to this service alone, which looks at its ledger.
 */
export const hasLists = (generation: Generation): boolean =>
  generation.kind !== 'registration' && maySignCrls(generationCertificate(generation));

/** True where there is none, one that has stood for long enough, or a revocation that it does not tell of. */
function isDue({ published, lastRevocation }: ListState, { everyHours }: ListTerms, now: Date): boolean {
  if (published === null || lastRevocation > published.covers) return true;
  return now.getTime() >= published.thisUpdate.getTime() + everyHours * HOUR;
}

async function readPages(ca: CaContext, query: RevocationQuery): Promise<readonly CrlPage[]> {
  const pages: CrlPage[] = [];
  for (let after: Uint8Array = new Uint8Array(0); ; ) {
    const entries = await ca.revocations.listRevocations(query, after, PAGE);
    const last = entries.at(-1);
    if (!last) return pages;
    pages.push(prepareCrlPage(entries));
    after = last.serial;
  }
}

/**
 * Makes the next CRL of an issuer where it is due, by the cycle of a certificate. Gives what is published then;
 * null where it was not due, or its key is offline or given up. Rejects with `busy` where another made one meanwhile, with `clock-behind`,
 * `signer-unavailable`, and as the ledger does.
 */
export async function makeListIfDue(
  ca: CaContext,
  act: Act,
  generation: Generation,
  terms: ListTerms,
): Promise<ListFacts | null> {
  // Step 1: decide. Those of a key that is offline are signed in a ceremony.
  if (placeOf(generation.keyId) === 'offline' || generation.key !== 'kept') return null;
  const state = await ca.revocations.findListState(generation.id);
  if (!isDue(state, terms, act.at)) return null;
  return makeList(ca, act, generation, state, (thisUpdate) => thisUpdate + terms.validHours * HOUR);
}

/** RFC 5280, 4.1.2.5: what has no end ends then. */
const NO_END = Date.UTC(9999, 11, 31, 23, 59, 59);
const DAY = 24 * HOUR;

/**
 * Until when the last CRL of an issuer must hold, given when the last certificate that it is known to have signed
 * ends: a day longer than that, and than the issuer itself, for no verifier accepts anything under it after that,
 * be it on record or not. RFC 5280, 5.1.2.5, asks for a nextUpdate, and some put 99991231235959Z into a last one;
 * here the end is known, and a date that means something lets whoever keeps CRLs drop it one day.
 */
export function lastListEnd(generation: Generation, lastEnd: Date | null): Date {
  const { notAfter } = generationCertificate(generation);
  return new Date(Math.min(Math.max(notAfter.getTime(), lastEnd?.getTime() ?? 0) + DAY, NO_END));
}

/**
 * Makes the last CRL of an issuer whose key is given up, of all that is revoked until then. Where that is published
 * already, nothing is made. Rejects as `makeListIfDue` does.
 */
export async function makeLastList(ca: CaContext, act: Act, generation: Generation): Promise<void> {
  const state = await ca.revocations.findListState(generation.id);
  if (state.isSealed) return;
  const end = lastListEnd(generation, await ca.revocations.findLastEnd(generation.id)).getTime();
  // Where all has ended long ago it holds no shorter than others.
  await makeList(ca, act, generation, state, (thisUpdate) => Math.max(end, thisUpdate + DAY));
}

/** Steps 2 to 5, of a list that is due. */
async function makeList(
  ca: CaContext,
  act: Act,
  generation: Generation,
  state: ListState,
  nextUpdateOf: (thisUpdate: number) => number,
): Promise<ListFacts> {
  const issuerId = generation.id;
  // Step 2: prepare. What is revoked after `covers` was read is the next one's.
  const covers = state.lastRevocation;
  const pages = await readPages(ca, { issuerId, through: covers, before: state.published });
  const thisUpdate = Math.floor((act.at.getTime() - BACKDATE_MS) / 1000) * 1000;
  const facts: ListFacts = {
    issuerId,
    // RFC 5280, 5.2.3: it only grows. Milliseconds of the clock are above all numbers that a ledger has given out
    // since a copy of it was made that is put back; and one more than the last is above those of the ledger.
    number: Math.max(state.lastNumber + 1, act.at.getTime()),
    thisUpdate: new Date(thisUpdate),
    nextUpdate: new Date(nextUpdateOf(thisUpdate)),
    covers,
    entries: pages.reduce((sum, { count }) => sum + count, 0),
  };
  const tbs = prepareCrl({ issuer: issuerFor(generation), ...facts }, pages);
  const signer = await ca.keystore.open(generation.keyId);

  // Step 3: record the intent.
  await ca.revocations.recordListIntent(act, ca.runId, {
    ...facts,
    after: state.lastNumber,
    tbsDigest: tbs.digest,
  });

  // Step 4: sign, and verify.
  const der = await signWith(signer, tbs.takeFor(issuerId));

  // Step 5: complete.
  await ca.revocations.recordListIssued(act, ca.runId, issuerId, facts.number, der);
  return facts;
}
