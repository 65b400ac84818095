import { createHash } from 'node:crypto';
import { OID } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import {
  type AuthorityProfile,
  type Issuer,
  planAuthorityCertificate,
  prepareTbs,
  profileDigest,
  rootWarnings,
  verifyIssuerAlive,
} from '../policy/index.ts';
import {
  attributesOf,
  type Certificate,
  findExtension,
  type KeyAlgorithm,
  keyAlgorithmLike,
  type PublicKey,
  parseCertificate,
  parsePublicKey,
  readBack,
  readBasicConstraints,
} from '../x509/index.ts';
import { newKeyId, recordKey, verifyKeyAlgorithm } from './authority-key.ts';
import type { CaContext } from './context.ts';
import { crlPathOf } from './crl-path.ts';
import { generationCertificate, issuerFor } from './issuer.ts';
import { DIGEST_DIGITS, placeOf, type Signer, TOKEN_SUFFIX } from './keystore-ports.ts';
import type { Act, AuthorityKind, Fleet, Generation, LinePlace } from './ledger-records.ts';
import { verifyFreeForNext } from './rotation.ts';
import { mintSerial } from './serial.ts';
import { signWith } from './sign-with.ts';

export interface AuthorityWish {
  readonly name: string;
  readonly kind: AuthorityKind;
  readonly keyAlgorithm: KeyAlgorithm;
  /**
   * Present where the key is in the token: the one that has this label or id there, or null for one that is made
   * there. Absent: it is made and kept in a file.
   */
  readonly token?: { readonly key: string | null };
  /** null: the target's default for the kind. */
  readonly profile: string | null;
  /** null: the fleet's name for a root, and `registration` after it; fleet, authority and generation for an issuing one. */
  readonly commonName: string | null;
}

/** What of an authority's next generation may be asked for otherwise than the one before has it. */
export interface GenerationWish {
  readonly keyAlgorithm: KeyAlgorithm | null;
  readonly profile: string | null;
  readonly commonName: string | null;
}

/** A generation with what a person should know of it. */
export interface AuthorityResult {
  readonly generation: Generation;
  readonly warnings: readonly string[];
}

export function profileFor(
  ca: CaContext,
  fleet: Fleet,
  kind: AuthorityKind,
  name: string | null,
): AuthorityProfile {
  const wanted = name ?? ca.policy.target(fleet.target).defaultProfiles[kind];
  const profile = ca.policy.authorityProfile(fleet.target, wanted);
  if (profile?.kind === kind) return profile;
  throw new PkiError(
    'profile-unknown',
    `There is no profile ${wanted} for ${kind} authorities of target ${fleet.target}.`,
  );
}

/** What kind of key it is; a text that fits no target for one that we would not have made. */
export function algorithmOf({ key }: PublicKey): string {
  if (key.kind === 'ec') return `ec-${key.curve.replace('-', '').toLowerCase()}`;
  return key.kind === 'rsa' ? `rsa-${key.modulusBits}` : key.kind;
}

export interface OwnKey {
  readonly keyId: string;
  readonly signer: Signer;
  readonly warnings: readonly string[];
}

/**
 * The key of a new authority: made, in a file or in the token, or taken as it is in the token, where its id names
 * it by its public half. It has signed once, in either place.
 */
export async function takeKey(ca: CaContext, fleet: Fleet, wish: AuthorityWish): Promise<OwnKey> {
  const name = wish.token?.key ?? null;
  if (name === null) {
    const keyId = `${newKeyId(ca, fleet, wish.name)}${wish.token ? TOKEN_SUFFIX.made : ''}`;
    return { keyId, signer: await ca.keystore.generate(keyId, wish.keyAlgorithm), warnings: [] };
  }
  const { publicKey, warnings } = await ca.keystore.findHeld(name);
  const held = parsePublicKey(publicKey);
  verifyKeyAlgorithm(ca, fleet, algorithmOf(held));
  const digest = Buffer.from(held.digest).toString('hex').slice(0, DIGEST_DIGITS);
  const keyId = `${fleet.name}.${wish.name}.${digest}${TOKEN_SUFFIX.adopted}`;
  return { keyId, signer: await ca.keystore.open(keyId), warnings };
}

/** A root under which an issuing authority can stand: with time left, and a CA below it allowed. */
function verifyParent(parent: Certificate, now: Date): void {
  verifyIssuerAlive(parent, now);
  const constraints = findExtension(parent, OID.basicConstraints);
  if (constraints && readBasicConstraints(constraints).pathLength === 0) {
    throw new PkiError(
      'bad-request',
      "The fleet's root allows no CA below it (its path length is 0): devices are issued from the root itself.",
    );
  }
}

async function activeRoot(ca: CaContext, fleet: Fleet): Promise<Generation> {
  const generations = await ca.ledger.listGenerations(fleet.id);
  const root = generations.find(({ kind, state }) => kind === 'root' && state === 'active');
  if (root) return root;
  throw new PkiError(
    'authority-not-active',
    `The fleet ${fleet.name} has no root yet: create or import it first.`,
  );
}

const ONLY = {
  root: 'a root already; a fleet has one root line.',
  registration: 'a registration CA already; a fleet has one.',
} as const;

/** Fails early, before a key is made for nothing; the ledger decides again when the intent is recorded. */
export async function verifyNameIsFree(
  ca: CaContext,
  fleet: Fleet,
  wish: Pick<AuthorityWish, 'name' | 'kind'>,
): Promise<void> {
  const generations = await ca.ledger.listGenerations(fleet.id);
  if (generations.some(({ authority }) => authority === wish.name)) {
    throw new PkiError(
      'already-exists',
      `The fleet ${fleet.name} has an authority named ${wish.name} already.`,
    );
  }
  if (wish.kind !== 'issuing' && generations.some(({ kind }) => kind === wish.kind)) {
    throw new PkiError('already-exists', `The fleet ${fleet.name} has ${ONLY[wish.kind]}`);
  }
}

/** What an independent reader must find in a CA certificate that we made. */
export async function verifyReadBack(der: Uint8Array, planned: Certificate): Promise<void> {
  const seen = await readBack(der);
  const same =
    seen.ca &&
    seen.serial === Buffer.from(planned.serial).toString('hex') &&
    Buffer.compare(seen.subject, planned.subject.der) === 0 &&
    Buffer.compare(seen.issuer, planned.issuer.der) === 0 &&
    Buffer.compare(seen.publicKey, planned.publicKey.spki) === 0 &&
    seen.notBefore.getTime() === planned.notBefore.getTime() &&
    seen.notAfter.getTime() === planned.notAfter.getTime() &&
    seen.extensions.length === planned.extensions.length;
  if (!same) throw new Error('a second reader sees another certificate than the one that was planned');
}

/** ub-common-name (RFC 5280, appendix A.1). */
const MAX_COMMON_NAME = 64;

/** A verifier finds an issuer by its name, so every generation after the first has its number in it. */
export function commonNameFor(fleet: Fleet, wish: AuthorityWish, number: number): string {
  const generation = number === 1 ? '' : ` G${number}`;
  const usual = {
    root: `${fleet.name}${generation}`,
    issuing: `${fleet.name} ${wish.name} G${number}`,
    registration: `${fleet.name} registration${generation}`,
  };
  const name = wish.commonName ?? usual[wish.kind];
  const { length } = [...name];
  if (length >= 1 && length <= MAX_COMMON_NAME && name.isWellFormed() && !/[\p{Cc}\p{Cf}]/u.test(name)) {
    return name;
  }
  const message = `must have 1 to ${MAX_COMMON_NAME} characters, all of which print; it has ${length}`;
  throw new PkiError('bad-request', `The authority's common name ${message}: give another commonName.`, {
    violations: [{ at: '/commonName', message }],
  });
}

/** Where a new generation stands: its number, and whether it is the first of its authority. */
interface Place {
  readonly place: LinePlace;
  readonly number: number;
}

/**
 * Makes an authority: its key, and its certificate by the same cycle as a leaf's. A root signs itself;
 * an issuing authority is signed by the fleet's root. So does a registration CA sign itself: under the root, what
 * it signs would be devices.
 * Refuses `already-exists`, `profile-unknown`, `algorithm-not-allowed`, `bad-request` (the common name, a key that
 * the token has not, or a root that allows no CA below it), `authority-not-active` (no root yet), `issuer-near-end`, and what
 * ledger and keystore refuse.
 */
export async function createAuthority(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  wish: AuthorityWish,
): Promise<AuthorityResult> {
  const first = { place: 'first', number: 1 } as const;
  return makeGeneration(ca, act, fleet, wish, first, () => verifyNameIsFree(ca, fleet, wish));
}

/**
 * Makes the next generation of an authority, staged: nobody trusts it yet, and it issues nothing. What is not
 * asked for is as the newest generation has it. Its common name has to be another than those before.
 * Refuses `not-found`, `rotation-refused` (another is on its way), and as `createAuthority` does.
 */
export async function stageGeneration(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  authority: string,
  wish: GenerationWish,
): Promise<AuthorityResult> {
  const generations = await ca.ledger.listGenerations(fleet.id);
  const line = generations.filter((one) => one.authority === authority);
  const newest = line.at(-1);
  if (!newest)
    throw new PkiError('not-found', `The fleet ${fleet.name} has no authority named ${authority}.`);
  verifyFreeForNext(line);
  const { publicKey } = generationCertificate(newest);
  const next = {
    name: authority,
    kind: newest.kind,
    keyAlgorithm: wish.keyAlgorithm ?? keyAlgorithmLike(publicKey.key),
    // What was imported follows no profile of ours.
    profile: wish.profile ?? (newest.imported ? null : newest.profile),
    commonName: wish.commonName,
    ...(placeOf(newest.keyId) === 'token' ? { token: { key: null } } : {}),
  };
  const number = await ca.rotation.nextGeneration(fleet.id, authority);
  const place = { place: 'next', number } as const;
  return makeGeneration(ca, act, fleet, next, place, async (commonName) => {
    verifyNewName(line, commonName);
  });
}

/** Two issuers of one name are told apart by their key identifiers alone, which not every verifier looks at. */
export function verifyNewName(line: readonly Generation[], commonName: string): void {
  const names = (one: Generation): readonly (string | undefined)[] =>
    attributesOf(generationCertificate(one).subject, OID.commonName).map(({ value }) => value);
  const same = line.find((one) => names(one).includes(commonName));
  if (!same) return;
  throw new PkiError(
    'bad-request',
    `Generation ${same.number} has the common name ${commonName} already: give another commonName.`,
    { violations: [{ at: '/commonName', message: 'is that of another generation' }] },
  );
}

async function makeGeneration(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  wish: AuthorityWish,
  { place, number }: Place,
  verifyFree: (commonName: string) => Promise<void>,
): Promise<AuthorityResult> {
  const profile = profileFor(ca, fleet, wish.kind, wish.profile);
  if (!wish.token?.key) verifyKeyAlgorithm(ca, fleet, wish.keyAlgorithm);
  const commonName = commonNameFor(fleet, wish, number);
  await verifyFree(commonName);
  const parent = wish.kind === 'issuing' ? await activeRoot(ca, fleet) : null;
  const issuer: Issuer | null = parent && {
    ...issuerFor(parent),
    crlPath: crlPathOf(fleet.name, parent, generationCertificate(parent)),
  };
  if (issuer) verifyParent(issuer.certificate, act.at);

  // Step 2: prepare. The key comes first, for the certificate names it.
  // The parent's before it: where that cannot be opened, none is made.
  const parentSigner = parent && (await ca.keystore.open(parent.keyId));
  const { keyId, signer: own, warnings: ofKey } = await takeKey(ca, fleet, wish);
  const signer = parentSigner ?? own;
  const plan = planAuthorityCertificate({
    profile,
    commonName,
    publicKey: parsePublicKey(own.publicKey),
    issuer,
    algorithm: signer.algorithm,
    serial: mintSerial(ca.random),
    now: act.at,
  });
  const tbs = prepareTbs(plan);

  // Step 3: record the intent.
  const { serial, notBefore, notAfter, publicKey } = plan.content;
  const intent = {
    fleetId: fleet.id,
    place,
    authority: wish.name,
    kind: wish.kind,
    profile: profile.name,
    profileDigest: profileDigest(profile),
    keyId,
    keyDigest: createHash('sha256').update(publicKey).digest(),
    issuerId: parent?.id ?? null,
    serial,
    tbsDigest: tbs.digest,
    notBefore,
    notAfter,
  };
  const { generationId } = await recordKey(ca, keyId, () =>
    ca.ledger.recordGenerationIntent(act, ca.runId, intent),
  );

  // Step 4: sign, verify, and let a second reader look.
  const der = await signWith(signer, tbs.takeFor(parent?.id ?? null));
  const certificate = parseCertificate(der);
  await verifyReadBack(der, certificate);

  // Step 5: complete.
  const generation = await ca.ledger.recordGenerationIssued(act, ca.runId, generationId, der, place);
  const warnings = wish.kind === 'root' ? rootWarnings(certificate, fleet.target) : [];
  return { generation, warnings: [...plan.warnings, ...ofKey, ...warnings] };
}

/** What a person should know of a generation that exists. */
export const generationWarnings = (generation: Generation, target: string): readonly string[] =>
  generation.kind === 'root' ? rootWarnings(generationCertificate(generation), target) : [];
