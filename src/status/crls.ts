import {
  type CaContext,
  type Generation,
  hasLists,
  type ListFacts,
  placeOf,
  type RevocationLedger,
} from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import { encodeCrlPem } from '../x509/index.ts';
import { nothingPublished, trustedOf } from './publication.ts';

/** A CRL as it is published. */
export interface PublishedCrl extends ListFacts {
  readonly der: Uint8Array;
  /** PEM, as nginx and OpenSSL read it. */
  readonly pem: string;
}

/**
 * The newest of each issuer, in both forms: a list can be megabytes, and is asked for again and again. Whether it
 * is the newest the ledger is asked each time.
 */
const kept = new WeakMap<RevocationLedger, Map<number, PublishedCrl>>();

function keptOf(ledger: RevocationLedger): Map<number, PublishedCrl> {
  const known = kept.get(ledger) ?? new Map<number, PublishedCrl>();
  kept.set(ledger, known);
  return known;
}

const nameOf = ({ authority, number }: Generation): string => `${authority} (generation ${number})`;

/** The CRL of an issuer. Refuses `crl-not-possible`, and `busy` where none was made yet. */
async function readCrlOf({ revocations }: CaContext, generation: Generation): Promise<PublishedCrl> {
  if (!hasLists(generation)) throw noCrl([generation]);
  const { published } = await revocations.findListState(generation.id);
  const known = keptOf(revocations).get(generation.id);
  if (known && known.number === published?.number) return known;
  const list = published && (await revocations.findList(generation.id));
  if (!list) throw noList(generation);
  const read = { ...list, pem: encodeCrlPem(list.der) };
  keptOf(revocations).set(generation.id, read);
  return read;
}

/** A CRL that is not there: the service makes it in a moment, or people have to. */
const noList = (generation: Generation): PkiError =>
  placeOf(generation.keyId) === 'offline'
    ? new PkiError(
        'crl-not-possible',
        `The key of ${nameOf(generation)} is offline, and no CRL of it was taken in: make one in a ceremony.`,
      )
    : new PkiError('busy', `The CRL of ${nameOf(generation)} is not made yet.`);

/** Why there is no CRL, and so no file of CRLs: a gateway that had one for some would refuse every device. */
const noCrl = (without: readonly Generation[]): PkiError =>
  new PkiError(
    'crl-not-possible',
    `The certificate of ${without.map(nameOf).join(', ')} does not allow it to sign CRLs (keyUsage cRLSign): the gateway has to be told of revocations another way.`,
  );

async function generationsOf(ca: CaContext, fleetName: string): Promise<readonly Generation[]> {
  const fleet = await ca.ledger.findFleet(fleetName);
  return fleet ? ca.ledger.listGenerations(fleet.id) : [];
}

/**
 * The CRL of one generation of an authority. Refuses `not-found`, `crl-not-possible`, and `busy` where it is not
 * made yet.
 */
export async function readCrl(
  ca: CaContext,
  fleetName: string,
  authority: string,
  generation: string,
): Promise<PublishedCrl> {
  const all = await generationsOf(ca, fleetName);
  const found = all.find((one) => one.authority === authority && String(one.number) === generation);
  if (!found || found.kind === 'registration') throw nothingPublished();
  return readCrlOf(ca, found);
}

/**
 * What a gateway reads beside the trust bundle: one CRL for each CA in it, PEM, in its order. Refuses `not-found`;
 * `crl-not-possible` where one of them may not sign CRLs; `busy` where one is not made yet.
 */
export async function readGatewayCrls(ca: CaContext, fleetName: string): Promise<string> {
  const trusted = trustedOf(await generationsOf(ca, fleetName));
  if (trusted.length === 0) throw nothingPublished();
  const without = trusted.filter((generation) => !hasLists(generation));
  if (without.length > 0) throw noCrl(without);
  const lists = await Promise.all(trusted.map((generation) => readCrlOf(ca, generation)));
  return lists.map(({ pem }) => pem).join('');
}
