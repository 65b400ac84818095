import { createHash } from 'node:crypto';
import { encodeTbs, parseTbs } from '../x509/index.ts';
import { lintCertificate } from './lint.ts';
import type { CertificatePlan } from './plan.ts';

/**
 * A tbsCertificate that was read back, equals its plan and passed the lints. It can be taken for
 * signing once, by the issuer it was made for.
 */
class SignableTbsProof {
  readonly plan: CertificatePlan;
  /** SHA-256 of the octets: what the intent records. */
  readonly digest: Uint8Array;
  readonly #tbs: Uint8Array;
  #taken = false;

  constructor(plan: CertificatePlan, tbs: Uint8Array) {
    this.plan = plan;
    this.#tbs = tbs;
    this.digest = createHash('sha256').update(tbs).digest();
  }

  /**
   * The octets to sign. Throws at the second call, and for another issuer than the plan's:
   * a signature that is made twice under one serial would be two certificates.
   */
  takeFor(issuerGenerationId: number | null): Uint8Array {
    if ((this.plan.issuer?.generationId ?? null) !== issuerGenerationId) {
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
  return new SignableTbsProof(plan, tbs);
}
