import { encodeTbs, type LeafFields, type LeafTemplate, parseTbs, sha256 } from '../x509/index.ts';
import { lintCertificate } from './lint.ts';
import type { CertificatePlan } from './plan.ts';

interface SignableContent {
  /** The generation that may sign it; null: its own key. */
  readonly issuerId: number | null;
  readonly serial: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/**
 * A tbsCertificate that was read back, equals its plan and passed the lints. It can be taken for
 * signing once, by the issuer it was made for.
 */
class SignableTbsProof {
  readonly content: SignableContent;
  /** SHA-256 of the octets: what the intent records. */
  readonly digest: Uint8Array;
  readonly #tbs: Uint8Array;
  #taken = false;

  constructor(content: SignableContent, tbs: Uint8Array) {
    this.content = content;
    this.#tbs = tbs;
    this.digest = sha256(tbs);
  }

  /**
   * The octets to sign. Throws at the second call, and for another issuer than the plan's:
   * a signature that is made twice under one serial would be two certificates.
   */
  takeFor(issuerGenerationId: number | null): Uint8Array {
    if (this.content.issuerId !== issuerGenerationId) {
      throw new Error('a TBS was offered to an issuer that it was not made for');
    }
    if (this.#taken) throw new Error('a TBS was offered for signing twice');
    this.#taken = true;
    return this.#tbs;
  }
}
export type SignableTbs = SignableTbsProof;

/**
 * Encodes a plan, reads the octets back and lints them against it. Throws an `Error` where they
 * differ: that is a defect of ours, and nothing was signed yet.
 */
export function prepareTbs(plan: CertificatePlan): SignableTbs {
  const tbs = encodeTbs(plan.content);
  const faults = lintCertificate(parseTbs(tbs), plan);
  if (faults.length > 0)
    throw new Error(`the encoded certificate is not what was planned: ${faults.join('; ')}`);
  const { serial, notBefore, notAfter } = plan.content;
  return new SignableTbsProof(
    { issuerId: plan.issuer?.generationId ?? null, serial, notBefore, notAfter },
    tbs,
  );
}

/**
 * The same by a template, whose fixed parts were linted when it was made: what a leaf has of its own is
 * read back from the octets and compared. Throws an `Error` where they differ.
 */
export function prepareLeafTbs(template: LeafTemplate, issuerId: number, fields: LeafFields): SignableTbs {
  const tbs = template.encode(fields);
  if (!template.matches(tbs, fields)) {
    throw new Error('the encoded certificate is not what was planned: the template wrote something else');
  }
  const { serial, notBefore, notAfter } = fields;
  return new SignableTbsProof({ issuerId, serial, notBefore, notAfter }, tbs);
}
