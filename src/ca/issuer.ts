import { PkiError } from '../errors.ts';
import type { Issuer } from '../policy/index.ts';
import {
  type Certificate,
  certificateFingerprint,
  parseCertificate,
  signatureAlgorithmFor,
} from '../x509/index.ts';
import type { CaContext } from './context.ts';
import { placeOf } from './keystore-ports.ts';
import type { Generation } from './ledger-records.ts';

/** Parsed certificates by their digest: there are as many as authorities, and they never change. */
const parsed = new Map<string, Certificate>();

/** A generation's certificate, parsed. */
export function generationCertificate(generation: Generation): Certificate {
  const digest = Buffer.from(certificateFingerprint(generation.certificate)).toString('hex');
  const certificate = parsed.get(digest) ?? parseCertificate(generation.certificate);
  parsed.set(digest, certificate);
  return certificate;
}

/** A generation as the issuer of a plan. */
export function issuerFor(generation: Generation): Issuer {
  const certificate = generationCertificate(generation);
  return {
    generationId: generation.id,
    certificate,
    algorithm: signatureAlgorithmFor(certificate.publicKey.key),
  };
}

function pickByName(active: readonly Generation[], authority: string): Generation {
  const named = active.find((generation) => generation.authority === authority);
  if (named) return named;
  throw new PkiError(
    'authority-not-active',
    `The fleet has no active authority named ${authority} that issues devices.`,
  );
}

function pickDefault(active: readonly Generation[]): Generation {
  const all = active.filter((generation) => generation.kind === 'issuing');
  // One whose key people sign with issues nothing by itself: it is meant where no other is left.
  const held = all.filter(({ keyId }) => placeOf(keyId) !== 'offline');
  const [issuing, second] = held.length > 0 ? held : all;
  if (issuing && second) {
    throw new PkiError(
      'authority-ambiguous',
      'The fleet has several issuing authorities: name one with `authority`.',
    );
  }
  const root = active.find((generation) => generation.kind === 'root');
  const picked = issuing ?? root;
  if (picked) return picked;
  throw new PkiError(
    'authority-not-active',
    'The fleet has no active authority yet: create its root, then an issuing one.',
  );
}

/**
 * Of a fleet's generations the active one that issues devices, which a registration CA never does: the authority named; else the fleet's one
 * issuing authority; else its root. Refuses `authority-not-active`, `authority-ambiguous`.
 */
export function pickIssuer(generations: readonly Generation[], authority: string | null): Generation {
  const active = generations.filter(({ state, kind }) => state === 'active' && kind !== 'registration');
  return authority === null ? pickDefault(active) : pickByName(active, authority);
}

/** The active generation that issues, as the ledger has it now. Refuses as `pickIssuer` does. */
export const findIssuer = async (
  ca: CaContext,
  fleetId: number,
  authority: string | null,
): Promise<Generation> => pickIssuer(await ca.ledger.listGenerations(fleetId), authority);

/** The CAs above a device certificate, the issuer first, the root last. */
export function issuersOf(generations: readonly Generation[], issuerId: number): readonly Generation[] {
  const issuer = generations.find(({ id }) => id === issuerId);
  if (!issuer) return [];
  return issuer.issuerId === issuer.id ? [issuer] : [issuer, ...issuersOf(generations, issuer.issuerId)];
}

/**
 * The certificates between a device certificate and the root, the issuer first; empty where the root
 * issued it. The root itself is not part of it.
 */
export const intermediatesOf = (
  generations: readonly Generation[],
  issuerId: number,
): readonly Generation[] =>
  issuersOf(generations, issuerId).filter(({ id, issuerId: above }) => id !== above);
