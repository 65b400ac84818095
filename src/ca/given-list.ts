import { createHash } from 'node:crypto';
import { PkiError } from '../errors.ts';
import {
  type ForeignCrl,
  isCrlSignedBy,
  parseForeignCrl,
  type RevokedEntry,
  readForeignEntries,
} from '../x509/index.ts';
import type { CaContext } from './context.ts';
import { generationCertificate } from './issuer.ts';
import { placeOf } from './keystore-ports.ts';
import type { Act, Fleet, Generation } from './ledger-records.ts';
import type { GivenList, TakenEntries } from './restoration-ports.ts';
import { takeInList } from './taken-list.ts';

/** A CRL that was taken in: whose, and what came of its entries. */
export interface ListResult extends TakenEntries {
  /** True where its key is offline, and it is published from now on. */
  readonly isPublished: boolean;
  readonly fleet: Fleet;
  readonly generation: Generation;
  readonly list: GivenList;
}

/** As many as one transaction takes. */
const PAGE = 500;
const FLEETS_AT_A_TIME = 100;

const isIssuedBy = (crl: ForeignCrl, generation: Generation): boolean => {
  const { subject } = generationCertificate(generation);
  return (
    Buffer.compare(subject.der, crl.issuer.der) === 0 &&
    isCrlSignedBy(crl, { der: generation.certificate }) === true
  );
};

/** Whose CRL it is, of all fleets. Refuses `bad-signature`. */
async function findIssuer(
  { ledger }: CaContext,
  crl: ForeignCrl,
): Promise<{ readonly fleet: Fleet; readonly generation: Generation }> {
  for (let after = ''; ; ) {
    const fleets = await ledger.listFleets(after, FLEETS_AT_A_TIME);
    for (const fleet of fleets) {
      const generation = (await ledger.listGenerations(fleet.id)).find((one) => isIssuedBy(crl, one));
      if (generation) return { fleet, generation };
    }
    const last = fleets.at(-1);
    if (!last) throw new PkiError('bad-signature', 'No authority on record has signed this CRL.');
    after = last.name;
  }
}

/** Why a CRL is not published that is good for what it revokes: another one is newer, its dates have passed, or the like. */
const NOT_PUBLISHED: ReadonlySet<string> = new Set([
  'already-exists',
  'bad-request',
  'bad-der',
  'crl-not-possible',
  'restoration-not-settled',
]);

/** Publishes it where its key is offline, so that gateways have one. */
async function publish(ca: CaContext, act: Act, generation: Generation, der: Uint8Array): Promise<boolean> {
  if (placeOf(generation.keyId) !== 'offline') return false;
  try {
    await takeInList(ca, act, generation, der, null);
    return true;
  } catch (failure) {
    if (failure instanceof PkiError && NOT_PUBLISHED.has(failure.code)) return false;
    throw failure;
  }
}

/**
 * Takes in a CRL of an authority on record that comes from outside: what it revokes is revoked here, and its number is
 * used up. When it resolves, all of it is on disk; where it rejects, the same again goes on. Refuses `bad-der`, for a
 * list of changes `bad-request`, and `bad-signature` where it is no authority's of ours.
 */
export async function takeList(ca: CaContext, act: Act, der: Uint8Array): Promise<ListResult> {
  const crl = parseForeignCrl(der);
  if (crl.isDelta)
    throw new PkiError('bad-request', 'This CRL lists changes to another. Send the one that lists all.');
  const { fleet, generation } = await findIssuer(ca, crl);
  const list: GivenList = {
    issuerId: generation.id,
    // The service publishes the CRL of an offline key as it comes, under the number that it has.
    number: placeOf(generation.keyId) === 'offline' ? null : crl.number,
    thisUpdate: crl.thisUpdate,
    digest: createHash('sha256').update(crl.der).digest(),
  };
  const counts = { revoked: 0, before: 0, unknown: 0 };
  const takePage = async (page: readonly RevokedEntry[]): Promise<void> => {
    const taken = await ca.restorations.takeEntries(act, list, page);
    counts.revoked += taken.revoked;
    counts.before += taken.before;
    counts.unknown += taken.unknown;
  };
  let page: RevokedEntry[] = [];
  for (const entry of readForeignEntries(crl)) {
    page.push(entry);
    if (page.length < PAGE) continue;
    await takePage(page);
    page = [];
  }
  await takePage(page);
  await ca.restorations.recordListTaken(act, list);
  return { fleet, generation, list, isPublished: await publish(ca, act, generation, crl.der), ...counts };
}
