import { createHash } from 'node:crypto';
import { OID } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import { foldDeviceId, profileDigest, verifyDeviceId } from '../policy/index.ts';
import {
  attributesOf,
  type Certificate,
  certificateFingerprint,
  findExtension,
  isSignedBy,
  parseCertificate,
  type RevocationReason,
  readBasicConstraints,
} from '../x509/index.ts';
import type { CaContext } from './context.ts';
import type { ForeignRow, ForeignVerdict } from './import-ports.ts';
import { generationCertificate } from './issuer.ts';
import type { Act, Fleet, Generation } from './ledger-records.ts';

/** A certificate that is to be taken in. */
export interface ForeignCertificateRow {
  readonly der: Uint8Array;
  /** null: its CN. */
  readonly deviceId: string | null;
  /** null: it is not revoked. Without a moment it is revoked now. */
  readonly revocation: { readonly at: Date | null; readonly reason: RevocationReason } | null;
}

/** What is to be taken in together, at most 500 rows; one that cannot be read is its refusal. */
export interface ForeignLot {
  /** null: the target's for devices. */
  readonly profile: string | null;
  readonly rows: readonly (ForeignCertificateRow | PkiError)[];
  /** `judge` writes nothing. */
  readonly mode: 'record' | 'judge';
}

/** What became of a row. */
export interface ForeignOutcome {
  readonly status: 'imported' | 'known' | 'refused';
  readonly deviceId: string | null;
  /** As far as it could be read. */
  readonly serial: Uint8Array | null;
  readonly fingerprint: Uint8Array | null;
  /** By this call: it came revoked, or was on record and not revoked. */
  readonly isRevoked: boolean;
  readonly warnings: readonly string[];
  readonly refusal: PkiError | null;
}

/** Rows that are verified before others have their turn. */
const SLICE = 25;

function deviceIdOf({ subject }: Certificate): string {
  const [name, second] = attributesOf(subject, OID.commonName);
  if (second)
    throw new PkiError('subject-several-cn', 'The subject has several common names: name the device.');
  if (name?.value === undefined)
    throw new PkiError('subject-missing-cn', 'The subject has no common name: name the device.');
  return name.value;
}

/** The CA of the fleet that signed a certificate. Refuses `issuer-unknown`, `bad-signature`. */
function issuerOf(generations: readonly Generation[], certificate: Certificate): Generation {
  const named = generations.filter(
    (one) =>
      one.kind !== 'registration' &&
      Buffer.compare(generationCertificate(one).subject.der, certificate.issuer.der) === 0,
  );
  if (named.length === 0)
    throw new PkiError('issuer-unknown', 'No CA of the fleet has the name of its issuer: import that first.');
  const issuer = named.find((one) => isSignedBy(certificate, generationCertificate(one)));
  if (issuer) return issuer;
  throw new PkiError('bad-signature', 'The certificate does not carry the signature of its issuer.');
}

function verifyLeaf(certificate: Certificate): void {
  const constraints = findExtension(certificate, OID.basicConstraints);
  if (constraints && readBasicConstraints(constraints).ca)
    throw new PkiError('bad-ca-certificate', 'It is the certificate of a CA: import it as an authority.');
}

function warningsOf(certificate: Certificate, issuer: Generation, deviceId: string): readonly string[] {
  const warnings: string[] = [];
  if (certificate.notAfter > generationCertificate(issuer).notAfter)
    warnings.push('It outlives its issuer: verifiers refuse it from the end of that on.');
  const [name] = attributesOf(certificate.subject, OID.commonName);
  if (name?.value !== deviceId) warnings.push('Its common name is not the ID of the device.');
  return warnings;
}

interface Read {
  readonly row: ForeignRow;
  readonly warnings: readonly string[];
}

/** What all rows of a lot are read with. */
interface Reading {
  readonly ca: CaContext;
  readonly fleet: Fleet;
  readonly generations: readonly Generation[];
  readonly profile: { readonly name: string; readonly digest: Uint8Array };
  readonly now: Date;
}

function revocationOf(asked: ForeignCertificateRow['revocation'], now: Date): ForeignRow['revocation'] {
  if (asked === null) return null;
  const at = asked.at ?? now;
  if (at > now)
    throw new PkiError('bad-request', `It is said to be revoked in the future (${at.toISOString()}).`);
  // CRLs count in whole seconds.
  return { at: new Date(Math.floor(at.getTime() / 1000) * 1000), reason: asked.reason };
}

/** Reads a row and verifies its signature. */
function readRow(asked: ForeignCertificateRow, certificate: Certificate, reading: Reading): Read {
  const { ca, fleet, generations, profile, now } = reading;
  verifyLeaf(certificate);
  const deviceId = asked.deviceId ?? deviceIdOf(certificate);
  verifyDeviceId(deviceId, ca.policy.target(fleet.target).deviceIdForm);
  const issuer = issuerOf(generations, certificate);
  const row: ForeignRow = {
    deviceId,
    foldedId: foldDeviceId(deviceId),
    profile: profile.name,
    profileDigest: profile.digest,
    issuerId: issuer.id,
    serial: certificate.serial,
    keyDigest: certificate.publicKey.digest,
    tbsDigest: createHash('sha256').update(certificate.tbs).digest(),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    fingerprint: certificateFingerprint(certificate.der),
    der: certificate.der,
    revocation: revocationOf(asked.revocation, now),
  };
  return { row, warnings: warningsOf(certificate, issuer, deviceId) };
}

const refusedOutcome = (refusal: PkiError, known: Partial<ForeignOutcome> = {}): ForeignOutcome => ({
  status: 'refused',
  deviceId: null,
  serial: null,
  fingerprint: null,
  isRevoked: false,
  warnings: [],
  ...known,
  refusal,
});

/** A row as it was read, or what is to be answered for it. */
function tryRow(asked: ForeignCertificateRow | PkiError, reading: Reading): Read | ForeignOutcome {
  if (asked instanceof PkiError) return refusedOutcome(asked);
  let known: Partial<ForeignOutcome> = { deviceId: asked.deviceId };
  try {
    const certificate = parseCertificate(asked.der);
    const { serial } = certificate;
    const [name] = attributesOf(certificate.subject, OID.commonName);
    const deviceId = asked.deviceId ?? name?.value ?? null;
    known = { deviceId, serial, fingerprint: certificateFingerprint(certificate.der) };
    return readRow(asked, certificate, reading);
  } catch (failure) {
    if (failure instanceof PkiError) return refusedOutcome(failure, known);
    throw failure;
  }
}

/** What is on record and comes revoked is revoked here, too, as of now. */
async function revokeKnown(
  { ca, fleet }: Pick<Reading, 'ca' | 'fleet'>,
  act: Act,
  rows: readonly ForeignRow[],
): Promise<void> {
  const reasons = new Set(rows.flatMap(({ revocation }) => revocation?.reason ?? []));
  for (const reason of reasons) {
    const fingerprints = rows
      .filter(({ revocation }) => revocation?.reason === reason)
      .map(({ fingerprint }) => fingerprint);
    const order = { fleetId: fleet.id, of: { import: 'elsewhere' }, fingerprints, reason } as const;
    await ca.revocations.revokeCertificates(act, order);
  }
}

function outcomeOf({ row, warnings }: Read, verdict: ForeignVerdict): ForeignOutcome {
  const { deviceId, serial, fingerprint, revocation } = row;
  const known = { deviceId, serial, fingerprint };
  if (verdict.verdict === 'refused')
    return refusedOutcome(new PkiError(verdict.code, verdict.message, { facts: verdict.facts }), known);
  const isNew = verdict.verdict === 'imported' || !verdict.isRevoked;
  const elsewhere = verdict.verdict === 'imported' && verdict.keyElsewhere;
  return {
    ...known,
    status: verdict.verdict,
    isRevoked: revocation !== null && isNew,
    warnings: elsewhere ? [...warnings, 'A device of another fleet has the same key.'] : warnings,
    refusal: null,
  };
}

/**
 * Takes certificates that were issued elsewhere into the inventory: each is read, and verified by its signature under
 * a CA of the fleet. One outcome a row, in order. When it resolves, all of it is on disk; where it rejects, the same
 * again goes on. Refuses `profile-unknown`, and as the ledger does.
 */
export async function importCertificates(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  { profile: named, rows, mode }: ForeignLot,
): Promise<readonly ForeignOutcome[]> {
  const name = named ?? ca.policy.target(fleet.target).defaultProfiles.device;
  const profile = ca.policy.deviceProfile(fleet.target, name);
  if (!profile)
    throw new PkiError('profile-unknown', `There is no device profile named ${name} for this fleet.`);
  const generations = await ca.ledger.listGenerations(fleet.id);
  const reading = { ca, fleet, generations, profile: { name, digest: profileDigest(profile) }, now: act.at };
  // 1. Read and verify.
  const read: (Read | ForeignOutcome)[] = [];
  for (const [i, row] of rows.entries()) {
    if (i % SLICE === SLICE - 1) await new Promise(setImmediate);
    read.push(tryRow(row, reading));
  }
  // 2. What the ledger says of those that stand.
  const standing = read.flatMap((one) => ('row' in one ? one : []));
  const chunk = { act, runId: ca.runId, fleetId: fleet.id, rows: standing.map(({ row }) => row) };
  const verdicts =
    mode === 'judge' ? await ca.imports.judgeForeign(chunk) : await ca.imports.recordForeign(chunk);
  // 3. What was on record before, and is revoked now.
  const stale = standing.filter(({ row }, i) => {
    const verdict = verdicts[i];
    return row.revocation !== null && verdict?.verdict === 'known' && !verdict.isRevoked;
  });
  if (mode === 'record')
    await revokeKnown(
      reading,
      act,
      stale.map(({ row }) => row),
    );
  const outcomes = standing.map((one, i) => outcomeOf(one, verdicts[i] as ForeignVerdict));
  const next = outcomes.values();
  return read.map((one) => ('row' in one ? (next.next().value as ForeignOutcome) : one));
}
