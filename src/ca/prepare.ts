import type { KeyObject } from 'node:crypto';
import type { Grant, KeyMaker, MadeKeyGrant } from '../enrollment/index.ts';
import { PkiError } from '../errors.ts';
import {
  type DeviceProfile,
  type Issuer,
  type LeafMould,
  makeLeafMould,
  type Policy,
  profileDigest,
  type SignableTbs,
} from '../policy/index.ts';
import type { Random } from '../random.ts';
import {
  assembleCertificate,
  certificateFingerprint,
  type Envelopes,
  importPublicKey,
  isSignatureValid,
  openEnvelopes,
  type PublicKey,
  parseCertificate,
  parseRecipient,
  type Recipient,
  signatureAlgorithmFor,
} from '../x509/index.ts';
import { crlPathOf } from './crl-path.ts';
import { type Decision, type Desk, decide, factsOf } from './decide.ts';
import type { IntentRow } from './ledger-records.ts';
import type { IssueContext, KeyHandover, PreparedRow, RequestInput, SignedRow } from './steps-ports.ts';

/** A context with everything that is the same for all its rows worked out once. */
export interface Bench extends Desk {
  readonly random: Random;
  /** Whom keys that are made are encrypted for; null: they go out in the clear, or none are made. */
  readonly recipient: Recipient | null;
  readonly issuer: Issuer;
  /** The issuer's public key, imported once. */
  readonly issuerKey: KeyObject;
  mouldFor(profile: DeviceProfile): LeafMould;
}

/** What a bench is set up with. */
export interface BenchTools {
  readonly policy: Policy;
  readonly random: Random;
  /** Absent where no keys are made. */
  readonly makeKey?: KeyMaker;
}

const noKeys: KeyMaker = () => {
  throw new Error('nobody makes keys here');
};

const recipientOf = ({ making }: IssueContext): Recipient | null =>
  making?.recipient ? parseRecipient(making.recipient) : null;

/** Sets a bench up for a context. */
export function setUpBench(tools: BenchTools, context: IssueContext): Bench {
  const { policy, random, makeKey = noKeys } = tools;
  const certificate = parseCertificate(context.issuer.certificate);
  const algorithm = signatureAlgorithmFor(certificate.publicKey.key);
  const crlPath = crlPathOf(context.fleet.name, context.issuer, certificate);
  const issuer: Issuer = { generationId: context.issuer.id, certificate, algorithm, crlPath };
  const moulds = new Map<DeviceProfile, LeafMould>();
  return {
    context,
    policy,
    random,
    makeKey,
    recipient: recipientOf(context),
    issuer,
    facts: factsOf(policy, context),
    issuerKey: importPublicKey(certificate.publicKey),
    mouldFor: (profile) => {
      const mould = moulds.get(profile) ?? makeLeafMould(profile, issuer);
      moulds.set(profile, mould);
      return mould;
    },
  };
}

/**
 * A row after steps 1 and 2, with what is to be signed and, where the key was made here, that: PKCS#8,
 * until the row is signed or given up.
 */
export type Prepared = PreparedRow & {
  readonly tbs: SignableTbs | null;
  readonly pkcs8: Uint8Array | null;
};

const publicKeyOf = ({ content }: Grant | MadeKeyGrant): PublicKey =>
  'request' in content ? content.request.csr.publicKey : content.publicKey;

const pkcs8Of = ({ content }: Grant | MadeKeyGrant): Uint8Array | null =>
  'pkcs8' in content ? content.pkcs8 : null;

function intentOf(
  grant: Grant | MadeKeyGrant,
  tbs: SignableTbs,
  { issuer, recipient, context }: Bench,
): IntentRow {
  const { content } = grant;
  const { serial, notBefore, notAfter } = tbs.content;
  return {
    deviceId: content.deviceId,
    foldedId: content.foldedId,
    profile: content.profile.name,
    profileDigest: profileDigest(content.profile),
    issuerId: issuer.generationId,
    serial,
    keyDigest: publicKeyOf(grant).digest,
    tbsDigest: tbs.digest,
    notBefore,
    notAfter,
    notAfterAsked: content.notAfter !== null,
    labels: content.labels,
    labelsAsked: content.labelsAsked,
    supersede: content.supersede,
    revokeOld: content.revokeOld,
    renews: context.renews ?? null,
    made: pkcs8Of(grant) === null ? null : { recipientDigest: recipient?.digest ?? null },
  };
}

/** Step 2 for what was granted: plan, octets, lint. A refusal keeps its place. */
export function prepareGrant(bench: Bench, decision: Decision, serial: Uint8Array, now: Date): Prepared {
  if ('refusal' in decision) return { ...decision, tbs: null, pkcs8: null };
  const { content } = decision;
  const pkcs8 = pkcs8Of(decision);
  try {
    const { tbs, warnings } = bench.mouldFor(content.profile)({
      deviceId: content.deviceId,
      publicKey: publicKeyOf(decision),
      granted: content.granted,
      serial,
      now,
      notAfter: content.notAfter,
    });
    return {
      intent: intentOf(decision, tbs, bench),
      warnings: [...content.warnings, ...warnings],
      tbs,
      pkcs8,
    };
  } catch (refusal) {
    pkcs8?.fill(0);
    if (refusal instanceof PkiError) return { refusal, deviceId: content.deviceId, tbs: null, pkcs8: null };
    throw refusal;
  }
}

/** Steps 1 and 2 for one request. */
export const prepareRequest = (bench: Bench, input: RequestInput, serial: Uint8Array, now: Date): Prepared =>
  prepareGrant(bench, decide(bench, input), serial, now);

/** Lets go of what was prepared and not signed. What went out in the clear is the caller's to wipe. */
export function wipeKeys(rows: readonly Prepared[]): void {
  for (const { pkcs8 } of rows) pkcs8?.fill(0);
}

/** A row of a chunk whose TBS has been signed. */
export interface FreshlySigned {
  readonly tbs: Uint8Array;
  readonly signature: Uint8Array;
  /** The key that was made for the row. */
  readonly pkcs8: Uint8Array | null;
}

/** Hands a key over that was made here; wiped where it leaves in an envelope. */
function handOver(envelopes: Envelopes | null, pkcs8: Uint8Array | null): KeyHandover {
  if (pkcs8 === null || envelopes === null) return { privateKey: pkcs8, envelope: null };
  const envelope = envelopes.encode(pkcs8);
  pkcs8.fill(0);
  return { privateKey: null, envelope };
}

function finishRow(
  { issuer, issuerKey }: Bench,
  { tbs, signature, pkcs8 }: FreshlySigned,
  envelopes: Envelopes | null,
): SignedRow {
  const { kind } = issuer.certificate.publicKey.key;
  if (!isSignatureValid(issuer.algorithm, kind, issuerKey, tbs, signature)) {
    throw new PkiError(
      'signer-unavailable',
      "The authority's key made a signature that does not verify; nothing was issued.",
    );
  }
  const der = assembleCertificate(tbs, issuer.algorithm, signature);
  return { der, fingerprint: certificateFingerprint(der), ...handOver(envelopes, pkcs8) };
}

/**
 * The end of step 4: verifies each signature with the issuer's own public key and puts the certificates
 * together, with the keys that were made for them. A fault in a key, a token or memory must never leave
 * the house (and a faulty RSA-CRT signature gives the private key away). One agreement with the recipient
 * serves the whole chunk, whose keys lie side by side here until then. Throws `signer-unavailable`.
 */
export function finishSigning(bench: Bench, rows: readonly FreshlySigned[]): readonly SignedRow[] {
  const { recipient, random } = bench;
  const hasKeys = rows.some(({ pkcs8 }) => pkcs8 !== null);
  const envelopes = recipient && hasKeys ? openEnvelopes(recipient, random) : null;
  try {
    return rows.map((row) => finishRow(bench, row, envelopes));
  } finally {
    envelopes?.end();
  }
}
