import type { KeyObject } from 'node:crypto';
import type { FleetFacts, Grant } from '../enrollment/index.ts';
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
import {
  assembleCertificate,
  certificateFingerprint,
  importPublicKey,
  isSignatureValid,
  parseCertificate,
  signatureAlgorithmFor,
} from '../x509/index.ts';
import { type Decision, decide, factsOf } from './decide.ts';
import type { IntentRow, IssueContext, PreparedRow, RequestInput, SignedRow } from './ports.ts';

/** A context with everything that is the same for all its rows worked out once. */
export interface Bench {
  readonly context: IssueContext;
  readonly facts: FleetFacts;
  readonly policy: Policy;
  readonly issuer: Issuer;
  /** The issuer's public key, imported once. */
  readonly issuerKey: KeyObject;
  mouldFor(profile: DeviceProfile): LeafMould;
}

/** Sets a bench up for a context. */
export function setUpBench(policy: Policy, context: IssueContext): Bench {
  const certificate = parseCertificate(context.issuer.certificate);
  const algorithm = signatureAlgorithmFor(certificate.publicKey.key);
  const issuer: Issuer = { generationId: context.issuer.id, certificate, algorithm };
  const moulds = new Map<DeviceProfile, LeafMould>();
  return {
    context,
    policy,
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

/** A row after steps 1 and 2, with what is to be signed. */
export type Prepared = PreparedRow & { readonly tbs: SignableTbs | null };

function intentOf({ content }: Grant, tbs: SignableTbs, issuer: Issuer): IntentRow {
  const { serial, notBefore, notAfter } = tbs.content;
  return {
    deviceId: content.deviceId,
    foldedId: content.foldedId,
    profile: content.profile.name,
    profileDigest: profileDigest(content.profile),
    issuerId: issuer.generationId,
    serial,
    keyDigest: content.request.csr.publicKey.digest,
    tbsDigest: tbs.digest,
    notBefore,
    notAfter,
    notAfterAsked: content.notAfter !== null,
    labels: content.labels,
    labelsAsked: content.labelsAsked,
    supersede: content.supersede,
  };
}

/** Step 2 for what was granted: plan, octets, lint. A refusal keeps its place. */
export function prepareGrant(bench: Bench, decision: Decision, serial: Uint8Array, now: Date): Prepared {
  if ('refusal' in decision) return { ...decision, tbs: null };
  const { content } = decision;
  try {
    const { tbs, warnings } = bench.mouldFor(content.profile)({
      deviceId: content.deviceId,
      publicKey: content.request.csr.publicKey,
      granted: content.granted,
      serial,
      now,
      notAfter: content.notAfter,
    });
    return {
      intent: intentOf(decision, tbs, bench.issuer),
      warnings: [...content.warnings, ...warnings],
      tbs,
    };
  } catch (refusal) {
    if (refusal instanceof PkiError) return { refusal, deviceId: content.deviceId, tbs: null };
    throw refusal;
  }
}

/** Steps 1 and 2 for one request. */
export const prepareRequest = (bench: Bench, input: RequestInput, serial: Uint8Array, now: Date): Prepared =>
  prepareGrant(bench, decide(bench.policy, bench.context, bench.facts, input), serial, now);

/**
 * The end of step 4 for one row: verifies the signature with the issuer's own public key and puts the
 * certificate together. A fault in a key, a token or memory must never leave the house (and a faulty
 * RSA-CRT signature gives the private key away). Throws `signer-unavailable`.
 */
export function finishSigning(
  { issuer, issuerKey }: Bench,
  octets: Uint8Array,
  signature: Uint8Array,
): SignedRow {
  const { kind } = issuer.certificate.publicKey.key;
  if (!isSignatureValid(issuer.algorithm, kind, issuerKey, octets, signature)) {
    throw new PkiError(
      'signer-unavailable',
      "The authority's key made a signature that does not verify; nothing was issued.",
    );
  }
  const der = assembleCertificate(octets, issuer.algorithm, signature);
  return { der, fingerprint: certificateFingerprint(der) };
}
