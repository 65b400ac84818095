import {
  type Act,
  type CaContext,
  type CeremonyOrigin,
  type Fleet,
  findRequestOf,
  type Generation,
  importOfflineRoot,
  installAuthority,
  placeOf,
  type TakenList,
  takeInLink,
  takeInList,
} from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import { type Certificate, crlNumberOf, parseCrl } from '../x509/index.ts';
import { type CeremonyFiles, readCeremony, type VerifiedCeremony } from './read-ceremony.ts';

export interface CeremonyImport {
  readonly files: CeremonyFiles;
  /** What a root is called in the fleet; null: as the fleet's root is, or `root`. */
  readonly authority: string | null;
}

/** What a ceremony has changed in a fleet. */
export interface ImportedCeremony {
  readonly ceremony: VerifiedCeremony;
  /** The root that was taken in, or whose key signed, or the authority that was certified. */
  readonly generation: Generation;
  readonly crl: TakenList['facts'] | null;
  readonly warnings: readonly string[];
}

const originOf = ({ transcript, id }: VerifiedCeremony): CeremonyOrigin => ({
  title: transcript.title,
  custodians: transcript.custodians,
  transcript: id,
});

/** The root of the fleet that signed. A ceremony of any other CA says nothing here. */
async function signingRoot(ca: CaContext, fleet: Fleet, signer: Certificate): Promise<Generation> {
  const generations = await ca.ledger.listGenerations(fleet.id);
  const root = generations.find((one) => Buffer.compare(one.certificate, signer.der) === 0);
  if (root?.kind === 'root' && placeOf(root.keyId) === 'offline') return root;
  throw new PkiError(
    'bad-ceremony',
    `The ceremony was signed by a CA that is no offline root of the fleet ${fleet.name}.`,
  );
}

/** The CRL that was made with a root, unless a later one is published: the ceremony is imported again. */
async function takeInFirstList(
  ca: CaContext,
  act: Act,
  generation: Generation,
  ceremony: VerifiedCeremony,
): Promise<TakenList | null> {
  if (!ceremony.crl) return null;
  const { published } = await ca.revocations.findListState(generation.id);
  if (published && published.number > (crlNumberOf(parseCrl(ceremony.crl)) ?? 0)) return null;
  return takeInList(ca, act, generation, ceremony.crl, originOf(ceremony));
}

async function importRoot(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  ceremony: VerifiedCeremony,
  authority: string | null,
): Promise<ImportedCeremony> {
  const generations = await ca.ledger.listGenerations(fleet.id);
  const name = authority ?? generations.find(({ kind }) => kind === 'root')?.authority ?? 'root';
  const root = { name, certificate: ceremony.signer, ceremony: originOf(ceremony) };
  const { generation, warnings } = await importOfflineRoot(ca, act, fleet, root);
  const list = await takeInFirstList(ca, act, generation, ceremony);
  return {
    ceremony,
    generation,
    crl: list?.facts ?? null,
    warnings: [...warnings, ...(list?.warnings ?? [])],
  };
}

async function importList(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  ceremony: VerifiedCeremony,
): Promise<ImportedCeremony> {
  const generation = await signingRoot(ca, fleet, ceremony.signer);
  const crl = ceremony.crl ?? new Uint8Array(0);
  const { facts, warnings } = await takeInList(ca, act, generation, crl, originOf(ceremony));
  return { ceremony, generation, crl: facts, warnings };
}

async function importIssuing(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  ceremony: VerifiedCeremony,
): Promise<ImportedCeremony> {
  await signingRoot(ca, fleet, ceremony.signer);
  const { issuing } = ceremony;
  if (!issuing) throw new Error('a ceremony of an issuing authority was verified without one');
  const { digest } = issuing.publicKey;
  const generations = await ca.ledger.listGenerations(fleet.id);
  const known = generations.find((one) => Buffer.compare(one.certificate, issuing.der) === 0);
  const name = known?.authority ?? (await findRequestOf(ca, fleet, digest));
  if (name === undefined) {
    throw new PkiError(
      'bad-ceremony',
      `The fleet ${fleet.name} asks for no certificate for the key of the authority that was certified.`,
    );
  }
  const installed = await installAuthority(ca, act, fleet, name, issuing, originOf(ceremony));
  return { ceremony, crl: null, ...installed };
}

async function importCross(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  ceremony: VerifiedCeremony,
): Promise<ImportedCeremony> {
  const issuer = await signingRoot(ca, fleet, ceremony.signer);
  const { cross } = ceremony;
  if (!cross) throw new Error('a ceremony of a cross-certificate was verified without one');
  const generation = await takeInLink(ca, act, fleet, issuer, cross);
  return { ceremony, generation, crl: null, warnings: [] };
}

/**
 * Verifies a ceremony and takes in what it made. The same again changes nothing, and goes on where it was cut off.
 * Refuses `bad-ceremony`, also for a rehearsal, and as `importOfflineRoot`, `installAuthority` and `takeInList` do.
 */
export async function importCeremony(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  { files, authority }: CeremonyImport,
): Promise<ImportedCeremony> {
  const ceremony = readCeremony(files);
  const { transcript } = ceremony;
  if (transcript.rehearsal)
    throw new PkiError('bad-ceremony', 'This was a rehearsal: nothing of it is taken in.');
  switch (transcript.ceremony) {
    case 'root':
      return importRoot(ca, act, fleet, ceremony, authority);
    case 'crl':
      return importList(ca, act, fleet, ceremony);
    case 'issuing':
      return importIssuing(ca, act, fleet, ceremony);
    case 'cross':
      return importCross(ca, act, fleet, ceremony);
  }
}
