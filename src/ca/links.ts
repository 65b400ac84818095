import { OID } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import { LINK_PROFILE, linkProfileDigest, planLinkCertificate, prepareTbs } from '../policy/index.ts';
import { type Certificate, findExtension, parseCertificate, readBasicConstraints } from '../x509/index.ts';
import { verifyReadBack } from './authorities.ts';
import type { CaContext } from './context.ts';
import { generationCertificate, intermediatesOf, issuerFor, issuersOf } from './issuer.ts';
import type { Act, Fleet, Generation, GenerationState, RootLink } from './ledger-records.ts';
import { mintSerial } from './serial.ts';
import { signWith } from './sign-with.ts';

/** How many CAs may stand below a certificate; null: any number. */
function pathLengthOf(certificate: Certificate): number | null {
  const constraints = findExtension(certificate, OID.basicConstraints);
  return constraints ? readBasicConstraints(constraints).pathLength : null;
}

const least = (a: number | null, b: number | null): number | null =>
  a === null || b === null ? (a ?? b) : Math.min(a, b);

/**
 * The path length of a link, or why there can be none. The names of two generations differ, so a link is not
 * self-issued, and verifiers count it as any CA (RFC 5280, 6.1.4 (l)). Below it stand those that stand below its
 * subject: `below` of them on the way to a device.
 */
export function linkPathLength(
  subject: Certificate,
  signer: Certificate,
  below: number,
): { readonly pathLength: number | null } | { readonly problem: string } {
  const room = pathLengthOf(signer);
  const due = below + 1;
  if (room !== null && room < due) {
    return { problem: `its path length is ${room}, and ${due} CAs would stand below it` };
  }
  return { pathLength: least(pathLengthOf(subject), room === null ? null : room - 1) };
}

/** How many CAs stand between a root of the fleet and a device. */
const belowRoots = (generations: readonly Generation[]): number =>
  generations.some(({ kind }) => kind === 'issuing') ? 1 : 0;

/** Why there can be no link of a root under another; null: there can be one. */
export function linkProblem(
  generations: readonly Generation[],
  subject: Generation,
  issuer: Generation,
): string | null {
  const certificates = [generationCertificate(subject), generationCertificate(issuer)] as const;
  const room = linkPathLength(...certificates, belowRoots(generations));
  return 'problem' in room ? room.problem : null;
}

const isRoot = ({ kind }: Generation): boolean => kind === 'root';

/** Makes one link, by the cycle of every certificate. */
async function makeLink(
  ca: CaContext,
  act: Act,
  subject: Generation,
  issuer: Generation,
  pathLength: number | null,
): Promise<void> {
  const certificate = generationCertificate(subject);
  const plan = planLinkCertificate({
    subject: certificate,
    issuer: issuerFor(issuer),
    pathLength,
    serial: mintSerial(ca.random),
    now: act.at,
  });
  const tbs = prepareTbs(plan);
  // The key before the intent: where it cannot be opened, nothing is on record.
  const signer = await ca.keystore.open(issuer.keyId);
  const { serial, notBefore, notAfter } = plan.content;
  const { intentId } = await ca.links.recordLinkIntent(act, ca.runId, {
    fleetId: subject.fleetId,
    subjectId: subject.id,
    issuerId: issuer.id,
    profile: LINK_PROFILE.name,
    profileDigest: linkProfileDigest,
    keyDigest: certificate.publicKey.digest,
    serial,
    tbsDigest: tbs.digest,
    notBefore,
    notAfter,
  });
  const der = await signWith(signer, tbs.takeFor(issuer.id));
  await verifyReadBack(der, parseCertificate(der));
  await ca.links.recordLinkIssued(act, ca.runId, intentId, der);
}

/** Makes a link where the pair has none and there can be one; else says why not. */
async function ensureLink(
  ca: CaContext,
  act: Act,
  subject: Generation,
  issuer: Generation,
  below: number,
): Promise<readonly string[]> {
  if (subject.links.some(({ issuerId }) => issuerId === issuer.id)) return [];
  const none = (why: string): readonly string[] => [
    `There is no link from generation ${issuer.number} to generation ${subject.number}: ${why}. Who trusts generation ${issuer.number} alone refuses what stands under generation ${subject.number}.`,
  ];
  const room = linkPathLength(generationCertificate(subject), generationCertificate(issuer), below);
  if ('problem' in room) return none(room.problem);
  try {
    await makeLink(ca, act, subject, issuer, room.pathLength);
  } catch (failure) {
    if (failure instanceof PkiError && failure.code === 'issuer-near-end') return none('it is near its end');
    if (failure instanceof PkiError && failure.code === 'key-offline')
      return none('its key is offline, and signs in a ceremony alone');
    throw failure;
  }
  return [];
}

/**
 * Makes the link certificates between a root generation that is about to be published and the one that issues
 * (RFC 4210, 4.4), each signed by the other's key: while both keys are there. Nothing where the generation is no
 * root's, or not staged. What is there already is left as it is, so that a call that was cut off is made again.
 * Gives a sentence for each that cannot be. Refuses as the keystore and the ledger do.
 */
export async function makeLinks(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  authority: string,
  number: number,
): Promise<readonly string[]> {
  const generations = await ca.ledger.listGenerations(fleet.id);
  const line = generations.filter((one) => one.authority === authority);
  const next = line.find((one) => one.number === number && one.state === 'staged');
  const active = line.find(({ state }) => state === 'active');
  if (!next || !active || !isRoot(next)) return [];
  const below = belowRoots(generations);
  return [
    ...(await ensureLink(ca, act, next, active, below)),
    ...(await ensureLink(ca, act, active, next, below)),
  ];
}

/** States in which a root is in the trust bundle. */
const TRUSTED: ReadonlySet<GenerationState> = new Set(['published', 'active', 'draining']);

/** The state of the other root, by that of a device's own. */
const DUE: Partial<Record<GenerationState, GenerationState>> = { active: 'draining', draining: 'active' };

/** The links of which both roots are in the trust bundle, in order of their roots. */
export function liveLinks(generations: readonly Generation[]): readonly RootLink[] {
  const trusted = generations.filter((one) => isRoot(one) && TRUSTED.has(one.state));
  const ids = new Set(trusted.map(({ id }) => id));
  return trusted.flatMap(({ links }) => links.filter(({ issuerId }) => ids.has(issuerId)));
}

/**
 * The link that a device under an issuer sends: for who trusts the other root alone. Under the root that issues now
 * that is the newest of those that drain; under one that drains, the one that issues.
 */
export function linkAbove(generations: readonly Generation[], issuerId: number): RootLink | undefined {
  const root = issuersOf(generations, issuerId).at(-1);
  const due = root && DUE[root.state];
  if (!due) return undefined;
  const others = generations.filter(
    ({ id, kind, state }) =>
      kind === 'root' && state === due && root.links.some(({ issuerId: by }) => by === id),
  );
  const other = others.at(-1);
  return other && root.links.find(({ issuerId: by }) => by === other.id);
}

/**
 * What a device sends after its own certificate, DER: the CAs between it and its root, the issuer first, and at the
 * end the link to the other root of a rotation, where there is one. No root.
 */
export function certificatesAbove(
  generations: readonly Generation[],
  issuerId: number,
): readonly Uint8Array[] {
  const link = linkAbove(generations, issuerId);
  return [...intermediatesOf(generations, issuerId), ...(link ? [link] : [])].map(
    ({ certificate }) => certificate,
  );
}
