import { type Requester, UNBOUND } from '../enrollment/index.ts';
import { PkiError } from '../errors.ts';
import { certificateFingerprint, checkHandshake, isSignedBy, parseCertificate } from '../x509/index.ts';
import type { CaContext } from './context.ts';
import { generationCertificate, issuersOf, pickIssuer } from './issuer.ts';
import type { Fleet, Generation, Predecessor, StoredCertificate } from './ledger-records.ts';

/** When a certificate can be renewed. */
export interface RenewalTerms {
  /** So many days before its end, and never more than a third of its life. */
  readonly windowDays: number;
  /** So many days after its end. */
  readonly graceDays: number;
}

/** A device on the mutual-TLS listener: the certificate that it has shown, which is on record. */
export interface DevicePeer {
  readonly certificate: StoredCertificate;
  readonly fleet: Fleet;
  /** All of the fleet. */
  readonly generations: readonly Generation[];
}

const DAY = 86_400_000;

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

const unauthenticated = (message: string, { certificate }: Pick<DevicePeer, 'certificate'>): PkiError =>
  new PkiError('unauthenticated', message, { facts: { certificate: hex(certificate.fingerprint) } });

/**
 * Its issuer, or a CA above it, is compromised. A certificate that somebody else made with that key is not on record, so
 * that those on record prove as much as before; and renewal is how their devices get away from it.
 */
const isVoid = ({ certificate, generations }: Pick<DevicePeer, 'certificate' | 'generations'>): boolean =>
  issuersOf(generations, certificate.issuerId).some(({ state }) => state === 'compromised');

/**
 * Why a certificate was not one to come with, at its own end where that has passed: of an expired one Node says
 * nothing but that, whatever else is wrong with it. Purposes are the leaf's: what its CAs say of theirs matters
 * to gateways, and was warned of when they were made.
 */
function chainProblem({ certificate, generations }: DevicePeer, now: Date): string | undefined {
  const at = now < certificate.notAfter ? now : certificate.notAfter;
  const above = issuersOf(generations, certificate.issuerId);
  if (above.length === 0) return 'has no issuer';
  const leaf = parseCertificate(certificate.der);
  const chain = [leaf, ...above.map(generationCertificate)];
  if (chain.some(({ notBefore, notAfter }) => at < notBefore || notAfter < at))
    return 'is not valid yet, or its chain was not at its end';
  if (chain.some((one, i) => !isSignedBy(one, chain[i + 1] ?? one)))
    return 'does not chain to its fleet’s root';
  return checkHandshake(leaf, 'clientAuth').length > 0 ? 'is not for clients' : undefined;
}

/**
 * Whose certificate a peer has shown: exactly one of a device on record, by its SHA-256, never by a name.
 * Rejects with `unauthenticated` where there is none, it was revoked, or its chain or purpose does not hold;
 * with `device-scrapped`. Dates are judged by `verifyRenewable`.
 */
export async function authenticateDevice(ca: CaContext, der: Uint8Array, now: Date): Promise<DevicePeer> {
  const certificate = await ca.ledger.findCertificate(certificateFingerprint(der));
  if (!certificate)
    throw new PkiError('unauthenticated', 'The certificate of the client is not one of a device on record.');
  const fleet = await ca.ledger.findFleetById(certificate.fleetId);
  if (!fleet) throw new Error('the fleet of a certificate is not there');
  const peer = { certificate, fleet, generations: await ca.ledger.listGenerations(fleet.id) };
  const device = await ca.ledger.findDevice(fleet.id, certificate.deviceId);
  if (device?.state === 'scrapped')
    throw new PkiError('device-scrapped', 'The device is scrapped: its certificates are not renewed.');
  if (certificate.revokedAt !== null)
    throw unauthenticated('The certificate of the client was revoked.', peer);
  const problem = chainProblem(peer, now);
  if (problem) throw unauthenticated(`The certificate of the client ${problem}.`, peer);
  return peer;
}

/** From when to when a certificate can be renewed. */
export function renewalPeriod(
  { notBefore, notAfter }: Pick<StoredCertificate, 'notBefore' | 'notAfter'>,
  { windowDays, graceDays }: RenewalTerms,
): { readonly from: Date; readonly until: Date } {
  const third = (notAfter.getTime() - notBefore.getTime()) / 3;
  return {
    from: new Date(notAfter.getTime() - Math.min(windowDays * DAY, third)),
    until: new Date(notAfter.getTime() + graceDays * DAY),
  };
}

/**
 * Refuses `renewal-too-early`, with the time from which on it can be renewed, and `renewal-too-late`. Under a
 * generation that is compromised it is never too early.
 */
export function verifyRenewable(
  peer: Pick<DevicePeer, 'certificate' | 'generations'>,
  terms: RenewalTerms,
  now: Date,
): void {
  const { certificate } = peer;
  const { from, until } = renewalPeriod(certificate, terms);
  if (now < from && !isVoid(peer)) {
    throw new PkiError('renewal-too-early', `The certificate can be renewed from ${from.toISOString()} on.`, {
      facts: { from: from.toISOString() },
    });
  }
  if (now > until) {
    throw new PkiError(
      'renewal-too-late',
      `The certificate ended on ${certificate.notAfter.toISOString()}, and could be renewed until ${until.toISOString()}.`,
    );
  }
}

/** A device that renews asks as a station of its fleet does, for itself, under its profile and labels alone. */
export function requesterOfPeer({ certificate, fleet }: DevicePeer): Requester {
  const { deviceId, profile, labels } = certificate;
  return {
    id: hex(certificate.fingerprint),
    name: deviceId,
    role: 'station',
    rights: [],
    fleet: fleet.name,
    bounds: { ...UNBOUND, profiles: [profile], labels: labels === null ? {} : JSON.parse(labels) },
  };
}

export const predecessorOf = ({ certificate }: DevicePeer): Predecessor => ({
  intentId: certificate.intentId,
  certificate: hex(certificate.fingerprint),
});

/** The authority of before, in its generation of now; where it issues no longer, the fleet's. Refuses as `pickIssuer`. */
export function issuerForRenewal({ certificate, generations }: DevicePeer): Generation {
  const before = generations.find(({ id }) => id === certificate.issuerId)?.authority;
  const isInUse = generations.some(({ authority, state }) => authority === before && state === 'active');
  return pickIssuer(generations, isInUse ? (before ?? null) : null);
}
