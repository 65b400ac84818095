import { PkiError } from '../errors.ts';
import { maySignCrls } from '../policy/index.ts';
import {
  type Crl,
  crlNumberOf,
  isCrlSignedBy,
  parseCrl,
  parseForeignCrl,
  revokedSerials,
  sha256,
} from '../x509/index.ts';
import type { CaContext } from './context.ts';
import { generationCertificate } from './issuer.ts';
import { placeOf } from './keystore-ports.ts';
import type { Act, CeremonyOrigin, Generation } from './ledger-records.ts';
import type { ListFacts, ListState } from './revocation-ports.ts';

/** A CRL that is published, with what a person should know of it. */
export interface TakenList {
  readonly facts: ListFacts;
  readonly warnings: readonly string[];
}

const PAGE = 2_000;
const DAY = 86_400_000;
/** A CRL of an offline key takes people and a date: they are told of it so many days before it runs out. */
export const LIST_NOTICE_DAYS = 30;

const refuse = (message: string): never => {
  throw new PkiError('bad-request', message);
};

function verifySigned(der: Uint8Array, crl: Crl, generation: Generation): void {
  const issuer = generationCertificate(generation);
  if (!maySignCrls(issuer))
    throw new PkiError('crl-not-possible', 'The authority may not sign CRLs (keyUsage cRLSign).');
  const isIssuers =
    Buffer.compare(crl.issuer.der, issuer.subject.der) === 0 && isCrlSignedBy(parseForeignCrl(der), issuer);
  if (isIssuers === true) return;
  throw new PkiError(
    'bad-signature',
    `The CRL was not signed by ${generation.authority}, generation ${generation.number}.`,
  );
}

function verifyDates({ thisUpdate, nextUpdate }: Crl, { published }: ListState, now: Date): void {
  if (nextUpdate <= now) refuse(`The CRL ran out on ${nextUpdate.toISOString()}.`);
  if (thisUpdate > now) refuse(`The CRL is not valid before ${thisUpdate.toISOString()}.`);
  if (published && thisUpdate < published.thisUpdate)
    refuse(`The CRL is older than the one that is published (${published.thisUpdate.toISOString()}).`);
}

/** Serials that the ledger has revoked of an issuer, and that a CRL does not list. */
async function missingIn(
  ca: CaContext,
  issuerId: number,
  through: number,
  listed: ReadonlySet<string>,
): Promise<readonly string[]> {
  const missing: string[] = [];
  for (let after: Uint8Array = new Uint8Array(0); ; ) {
    const page = await ca.revocations.listRevocations({ issuerId, through, before: null }, after, PAGE);
    const last = page.at(-1);
    if (!last) return missing;
    const serials = page.map(({ serial }) => Buffer.from(serial).toString('hex'));
    missing.push(...serials.filter((serial) => !listed.has(serial)));
    after = last.serial;
  }
}

/**
 * Takes in a CRL of an authority whose key is offline: from then on it is published, in place of the one before.
 * The same again changes nothing. Refuses `bad-der`, `bad-signature`, `crl-not-possible`, `already-exists` where its
 * number does not grow, `bad-request` for dates that do not fit, and for an authority that signs its own; and as the
 * ledger does.
 */
export async function takeInList(
  ca: CaContext,
  act: Act,
  generation: Generation,
  der: Uint8Array,
  ceremony: CeremonyOrigin | null,
): Promise<TakenList> {
  if (placeOf(generation.keyId) !== 'offline')
    return refuse(`The service signs the CRLs of ${generation.authority} itself.`);
  const crl = parseCrl(der);
  verifySigned(der, crl, generation);
  const number = crlNumberOf(crl) ?? refuse('The CRL has no number that could grow.');
  const issuerId = generation.id;
  const state = await ca.revocations.findListState(issuerId);
  const before = await ca.revocations.findList(issuerId);
  if (before && Buffer.compare(before.der, der) === 0) {
    const { der: _, ...facts } = before;
    return { facts, warnings: [] };
  }
  if (number <= state.lastNumber) {
    throw new PkiError(
      'already-exists',
      `CRL ${state.lastNumber} of the authority is on record; the number of the next one is higher, and this is ${number}.`,
    );
  }
  verifyDates(crl, state, act.at);
  const serials = revokedSerials(crl);
  const missing = await missingIn(ca, issuerId, state.lastRevocation, new Set(serials));
  const { thisUpdate, nextUpdate } = crl;
  const covers = missing.length === 0 ? state.lastRevocation : (state.published?.covers ?? 0);
  const facts = { issuerId, number, thisUpdate, nextUpdate, covers, entries: serials.length };
  const intent = { ...facts, after: state.lastNumber, tbsDigest: sha256(crl.tbs) };
  await ca.revocations.recordListImported(act, ca.runId, intent, der, ceremony);
  const warnings = missing.map((serial) => `The CRL does not list ${serial}, which is revoked here.`);
  return { facts, warnings };
}

/** What a person should know of the CRL of an authority whose key is offline: that there is none, or none for long. */
export async function offlineListWarnings(
  ca: CaContext,
  generation: Generation,
  now: Date,
): Promise<readonly string[]> {
  const isDue =
    placeOf(generation.keyId) === 'offline' &&
    generation.state !== 'retired' &&
    maySignCrls(generationCertificate(generation));
  if (!isDue) return [];
  const { published } = await ca.revocations.findListState(generation.id);
  if (!published)
    return [
      'Its key is offline, and no CRL of it was taken in: gateways get no file of CRLs. Make one in a ceremony.',
    ];
  const days = Math.floor((published.nextUpdate.getTime() - now.getTime()) / DAY);
  if (days >= LIST_NOTICE_DAYS) return [];
  const end = published.nextUpdate.toISOString();
  return [
    days < 0
      ? `Its CRL ran out on ${end}: gateways that read it refuse every device. Make the next one in a ceremony.`
      : `Its CRL runs out on ${end}, and gateways that read it refuse every device then. Make the next one in a ceremony.`,
  ];
}
