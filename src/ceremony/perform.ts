import { OID } from '../asn1/index.ts';
import { linkPathLength, mintSerial, type Signer, signWith, verifyReadBack } from '../ca/index.ts';
import type { Clock } from '../clock.ts';
import { PkiError } from '../errors.ts';
import {
  type AuthorityProfile,
  type Issuer,
  type Policy,
  parseProfile,
  planAuthorityCertificate,
  planLinkCertificate,
  prepareCrl,
  prepareCrlPage,
  prepareTbs,
  REHEARSAL,
  rootWarnings,
} from '../policy/index.ts';
import type { Random } from '../random.ts';
import {
  attributesOf,
  type Certificate,
  crlNumberOf,
  encodeCertificatePem,
  encodeCrlPem,
  formatName,
  parseCertificate,
  parsePublicKey,
  type RevokedEntry,
  readRevokedEntries,
} from '../x509/index.ts';
import { type Ceremony, type CeremonyOf, refuseInput } from './ceremony-file.ts';
import type { CeremonyInputs } from './inputs.ts';
import type { Mark } from './stand-in.ts';

export interface CeremonyTools {
  readonly policy: Policy;
  readonly random: Random;
  readonly clock: Clock;
}

/** A file that a ceremony leaves behind, for everybody. */
export interface Artefact {
  readonly file: string;
  readonly content: string;
}

/** What came of a ceremony, before it is written down. */
export interface Performed {
  readonly artefacts: readonly Artefact[];
  /** The CA whose key signed. */
  readonly signer: Certificate;
  readonly warnings: readonly string[];
  /** A sentence each, of what was signed. */
  readonly steps: readonly string[];
}

/** The key that signs, and whose it is. */
export interface SigningCa {
  readonly signer: Signer;
  /** null: of the root that is made. */
  readonly certificate: Certificate | null;
  /** null: the real one. */
  readonly mark: Mark | null;
}

/** Names of the files, whatever the ceremony. */
export const FILES = {
  root: 'root.crt',
  issuing: 'issuing.crt',
  cross: 'cross.crt',
  crl: 'root.crl',
  signer: 'signer.crt',
  transcript: 'transcript.json',
  signature: 'transcript.p7s',
} as const;

/** Of a rehearsal's files the names, and what stands above their PEM. */
export const REHEARSAL_PREFIX = `${REHEARSAL}-`;
const REHEARSAL_NOTE = `${REHEARSAL}: made with throw-away keys, and worth nothing.\n`;

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

const artefact = (file: string, pem: string, mark: Mark | null): Artefact =>
  mark === 'rehearsal'
    ? { file: `${REHEARSAL_PREFIX}${file}`, content: REHEARSAL_NOTE + pem }
    : { file, content: pem };

function profileFor(
  { target, certificate }: CeremonyOf<'root' | 'issuing'>,
  kind: 'root' | 'issuing',
  policy: Policy,
  mark: Mark | null,
): AuthorityProfile {
  const wanted = certificate.profile ?? policy.target(target).defaultProfiles[kind];
  const found = policy.authorityProfile(target, wanted);
  if (found?.kind !== kind)
    throw new PkiError(
      'profile-unknown',
      `There is no profile ${wanted} for ${kind} authorities of target ${target}.`,
    );
  const profile = parseProfile({
    ...found,
    ...(certificate.validityDays === undefined ? {} : { validityDays: certificate.validityDays }),
    subject: {
      ...found.subject,
      ...certificate.subject,
      ...(mark === 'rehearsal' ? { organizationalUnit: REHEARSAL } : {}),
    },
  });
  return profile.kind === 'device' ? refuseInput('A CA is due.') : profile;
}

interface CertificateWish {
  readonly profile: AuthorityProfile;
  readonly commonName: string;
  readonly publicKey: Uint8Array;
  readonly issuer: Issuer | null;
}

/** A certificate by the steps that the service takes: planned, linted, signed, verified, read by another reader. */
async function certify(
  { profile, commonName, publicKey, issuer }: CertificateWish,
  signer: Signer,
  { random, clock }: CeremonyTools,
): Promise<{ readonly certificate: Certificate; readonly warnings: readonly string[] }> {
  const plan = planAuthorityCertificate({
    profile,
    commonName,
    publicKey: parsePublicKey(publicKey),
    issuer,
    algorithm: signer.algorithm,
    serial: mintSerial(random),
    now: clock.now(),
  });
  const der = await signWith(signer, prepareTbs(plan).takeFor(issuer?.generationId ?? null));
  const certificate = parseCertificate(der);
  await verifyReadBack(der, certificate);
  return { certificate, warnings: plan.warnings };
}

/** Generations have numbers in a ledger; here there is one issuer. */
const issuerOf = (certificate: Certificate, signer: Signer): Issuer => ({
  generationId: 0,
  certificate,
  algorithm: signer.algorithm,
});

const HOUR = 3_600_000;
/** As the service's own: a gateway whose clock runs behind would refuse the whole fleet. */
const BACKDATE_MS = 5 * 60_000;

interface ListWish {
  readonly validDays: number;
  readonly entries: readonly RevokedEntry[];
  /** The number of the one before; 0: there was none. */
  readonly after: number;
}

async function list(
  certificate: Certificate,
  signer: Signer,
  { validDays, entries, after }: ListWish,
  { clock }: CeremonyTools,
): Promise<{ readonly der: Uint8Array; readonly number: number; readonly nextUpdate: Date }> {
  const now = clock.now().getTime();
  const thisUpdate = Math.floor((now - BACKDATE_MS) / 1000) * 1000;
  const nextUpdate = new Date(thisUpdate + validDays * 24 * HOUR);
  // RFC 5280, 5.2.3: it only grows. Milliseconds of the clock do so where nobody brought the one before.
  const number = Math.max(after + 1, now);
  const issuer = issuerOf(certificate, signer);
  const plan = { issuer, number, thisUpdate: new Date(thisUpdate), nextUpdate };
  const tbs = prepareCrl(plan, [prepareCrlPage(entries)]);
  return { der: await signWith(signer, tbs.takeFor(issuer.generationId)), number, nextUpdate };
}

const certificateStep = (what: string, certificate: Certificate): string =>
  `signed ${what}: ${formatName(certificate.subject)}, serial ${hex(certificate.serial)}, until ${certificate.notAfter.toISOString()}`;

const listStep = (made: { readonly number: number; readonly nextUpdate: Date }, entries: number): string =>
  `signed CRL ${made.number}: ${entries} revoked, until ${made.nextUpdate.toISOString()}`;

async function performRoot(
  ceremony: CeremonyOf<'root'>,
  { signer, mark }: SigningCa,
  tools: CeremonyTools,
): Promise<Performed> {
  const profile = profileFor(ceremony, 'root', tools.policy, mark);
  const { commonName } = ceremony.certificate;
  const wish = { profile, commonName, publicKey: signer.publicKey, issuer: null };
  const { certificate, warnings } = await certify(wish, signer, tools);
  const made = {
    artefacts: [artefact(FILES.root, encodeCertificatePem(certificate.der), mark)],
    signer: certificate,
    warnings: [...warnings, ...rootWarnings(certificate, ceremony.target)],
    steps: [certificateStep('the root', certificate)],
  };
  if (!ceremony.crl) return made;
  const crl = await list(certificate, signer, { ...ceremony.crl, entries: [], after: 0 }, tools);
  return {
    ...made,
    artefacts: [...made.artefacts, artefact(FILES.crl, encodeCrlPem(crl.der), mark)],
    steps: [...made.steps, listStep(crl, 0)],
  };
}

async function performIssuing(
  ceremony: CeremonyOf<'issuing'>,
  ca: Certificate,
  { request }: CeremonyInputs,
  { signer, mark }: SigningCa,
  tools: CeremonyTools,
): Promise<Performed> {
  const csr = request?.csr;
  const [commonName, second] = csr ? attributesOf(csr.subject, OID.commonName) : [];
  if (!csr || !commonName?.value || second) return refuseInput('The request must have one common name.');
  const profile = profileFor(ceremony, 'issuing', tools.policy, mark);
  const wish = {
    profile,
    commonName: commonName.value,
    publicKey: csr.publicKey.spki,
    issuer: issuerOf(ca, signer),
  };
  const { certificate, warnings } = await certify(wish, signer, tools);
  return {
    artefacts: [
      artefact(FILES.issuing, encodeCertificatePem(certificate.der), mark),
      artefact(FILES.signer, encodeCertificatePem(ca.der), mark),
    ],
    signer: ca,
    warnings,
    steps: [certificateStep('the issuing authority', certificate)],
  };
}

async function performCross(
  ca: Certificate,
  { subject }: CeremonyInputs,
  { signer, mark }: SigningCa,
  { random, clock }: CeremonyTools,
): Promise<Performed> {
  if (!subject) return refuseInput('A cross-certificate is of another root.');
  const room = linkPathLength(subject, ca, 1);
  if ('problem' in room) return refuseInput(`The signer allows no such certificate: ${room.problem}.`);
  const issuer = issuerOf(ca, signer);
  const { pathLength } = room;
  const plan = planLinkCertificate({
    subject,
    issuer,
    pathLength,
    serial: mintSerial(random),
    now: clock.now(),
  });
  const der = await signWith(signer, prepareTbs(plan).takeFor(issuer.generationId));
  const certificate = parseCertificate(der);
  await verifyReadBack(der, certificate);
  return {
    artefacts: [
      artefact(FILES.cross, encodeCertificatePem(der), mark),
      artefact(FILES.signer, encodeCertificatePem(ca.der), mark),
    ],
    signer: ca,
    warnings: plan.warnings,
    steps: [certificateStep('the cross-certificate', certificate)],
  };
}

const bySerial = (one: RevokedEntry, other: RevokedEntry): number => Buffer.compare(one.serial, other.serial);

/** What was listed before, and what is listed now. */
function entriesOf(
  { revoked }: CeremonyOf<'crl'>,
  { previous }: CeremonyInputs,
  now: Date,
): readonly RevokedEntry[] {
  const before = previous ? [...readRevokedEntries(previous.entries)] : [];
  const listed = new Set(before.map(({ serial }) => hex(serial)));
  const added = revoked.map(({ serial, at, reason }) => {
    if (listed.has(serial)) refuseInput(`The serial number ${serial} is revoked already.`);
    listed.add(serial);
    const revokedAt = new Date(Math.floor(Date.parse(at) / 1000) * 1000);
    if (revokedAt > now) refuseInput(`The serial number ${serial} is revoked at a time to come.`);
    return { serial: Uint8Array.from(Buffer.from(serial, 'hex')), revokedAt, reason };
  });
  return [...before, ...added].toSorted(bySerial);
}

async function performCrl(
  ceremony: CeremonyOf<'crl'>,
  ca: Certificate,
  inputs: CeremonyInputs,
  { signer, mark }: SigningCa,
  tools: CeremonyTools,
): Promise<Performed> {
  const entries = entriesOf(ceremony, inputs, tools.clock.now());
  const after = (inputs.previous && crlNumberOf(inputs.previous)) ?? 0;
  const crl = await list(ca, signer, { ...ceremony.crl, entries, after }, tools);
  return {
    artefacts: [
      artefact(FILES.crl, encodeCrlPem(crl.der), mark),
      artefact(FILES.signer, encodeCertificatePem(ca.der), mark),
    ],
    signer: ca,
    warnings: [],
    steps: [listStep(crl, entries.length)],
  };
}

/**
 * Does with a key what a ceremony says: once with a throw-away key (`mark`), once with the real one. Rejects with
 * `profile-unknown`, `bad-request`, `issuer-near-end`, `signer-unavailable`, and an `Error` where a lint fails.
 */
export async function performCeremony(
  ceremony: Ceremony,
  inputs: CeremonyInputs,
  ca: SigningCa,
  tools: CeremonyTools,
): Promise<Performed> {
  if (ceremony.ceremony === 'root') return performRoot(ceremony, ca, tools);
  if (!ca.certificate) throw new Error('a ceremony of a CA that is there needs its certificate');
  switch (ceremony.ceremony) {
    case 'issuing':
      return performIssuing(ceremony, ca.certificate, inputs, ca, tools);
    case 'cross':
      return performCross(ca.certificate, inputs, ca, tools);
    case 'crl':
      return performCrl(ceremony, ca.certificate, inputs, ca, tools);
  }
}
