import {
  type CaContext,
  type Fleet,
  type Generation,
  generationCertificate,
  generationWarnings,
  hasLists,
  isInBundle,
  liveLinks,
} from '../ca/index.ts';
import { PkiError } from '../errors.ts';
import { certificateFingerprint, describeKey, encodeCertificatePem, formatName } from '../x509/index.ts';

/** A certificate as it is published, with what a person compares. */
export interface PublishedCertificate {
  readonly authority: string;
  readonly generation: number;
  readonly der: Uint8Array;
  readonly pem: string;
  /** SHA-256, lower-case hex. */
  readonly fingerprint: string;
  readonly subject: string;
  readonly serial: string;
  readonly key: string;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** False where it may not sign CRLs. */
  readonly hasCrls: boolean;
}

/** What a fleet publishes: for the OTA server that must trust it, and for the person who uploads it. */
export interface Publication {
  readonly fleet: Fleet;
  /** The active root: what is registered at the OTA server. */
  readonly root: PublishedCertificate;
  /**
   * What a gateway must trust, PEM: every root, then every issuing authority, because HSM devices
   * present their leaf alone.
   */
  readonly trustBundle: string;
  readonly trusted: readonly PublishedCertificate[];
  /** From each root to the others of a rotation, PEM; '' where there is one root. */
  readonly links: string;
  readonly warnings: readonly string[];
}

function publish(generation: Generation): PublishedCertificate {
  const certificate = generationCertificate(generation);
  return {
    authority: generation.authority,
    generation: generation.number,
    der: generation.certificate,
    pem: encodeCertificatePem(generation.certificate),
    fingerprint: Buffer.from(certificateFingerprint(generation.certificate)).toString('hex'),
    subject: formatName(certificate.subject),
    serial: Buffer.from(certificate.serial).toString('hex'),
    key: describeKey(certificate.publicKey.key),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    hasCrls: hasLists(generation),
  };
}

/** A fleet that is not there, and one without a root, look alike. */
export const nothingPublished = (): PkiError =>
  new PkiError(
    'not-found',
    'Nothing is published under this name: there is no such fleet, or it has no root yet.',
  );

/** The root that issues; where that is compromised and no other has taken its place, that one still. */
const rootOf = (trusted: readonly Generation[]): Generation | undefined => {
  const roots = trusted.filter(({ kind }) => kind === 'root');
  return roots.find(({ state }) => state === 'active') ?? roots.find(({ state }) => state === 'compromised');
};

/** The CAs of a trust bundle, roots first; empty where there is no root yet. */
export function trustedOf(generations: readonly Generation[]): readonly Generation[] {
  const trusted = generations.filter(isInBundle);
  if (!rootOf(trusted)) return [];
  return [...trusted.filter(({ kind }) => kind === 'root'), ...trusted.filter(({ kind }) => kind !== 'root')];
}

/**
 * What the fleet publishes now. The same ledger gives the same octets. Refuses `not-found` for a fleet
 * that does not exist or has no root yet.
 */
export async function readPublication(ca: CaContext, fleetName: string): Promise<Publication> {
  const fleet = await ca.ledger.findFleet(fleetName);
  const generations = fleet ? await ca.ledger.listGenerations(fleet.id) : [];
  const trusted = trustedOf(generations);
  const root = rootOf(trusted);
  if (!fleet || !root) throw nothingPublished();
  const published = trusted.map(publish);
  return {
    fleet,
    root: publish(root),
    trusted: published,
    trustBundle: published.map(({ pem }) => pem).join(''),
    links: liveLinks(generations)
      .map(({ certificate }) => encodeCertificatePem(certificate))
      .join(''),
    warnings: generationWarnings(root, fleet.target),
  };
}

/**
 * The link certificates between the roots of a rotation, PEM: for a verifier that cannot be given both roots.
 * Refuses `not-found`, also where there is one root.
 */
export async function readLinks(ca: CaContext, fleetName: string): Promise<string> {
  const { links } = await readPublication(ca, fleetName);
  if (links !== '') return links;
  throw new PkiError('not-found', 'There is one root, and no link to another.');
}
