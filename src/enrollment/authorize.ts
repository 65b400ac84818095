import { PkiError } from '../errors.ts';
import {
  commonNameOf,
  type DeviceProfile,
  droppedAttributes,
  foldDeviceId,
  type GrantedExtensions,
  judgeRequestedExtensions,
  type Target,
  verifyDeviceId,
  verifyKeyRules,
} from '../policy/index.ts';
import { decodeCsr, type ProvenCsr, parseCsr, proveCsr } from '../x509/index.ts';
import { isAllowed, maySupersede, notFound, type Requester } from './access.ts';
import { stampLabels, verifyIdGranted, verifyProfileGranted } from './bounds.ts';

/** What a requester may ask for whoever made the key. */
export interface RequestTerms {
  readonly notAfter: Date | null;
  readonly labels: Readonly<Record<string, string>> | null;
  readonly supersede: Supersede | null;
}

/** When the certificates that are superseded are revoked; `never`: they stay valid. */
export const REVOKE_OLD = ['never', 'now', 'after-handshake'] as const;

export interface Supersede {
  readonly reason: string;
  /** `never` where it does not say. */
  readonly revokeOld?: (typeof REVOKE_OLD)[number] | undefined;
}

/** What a requester asks for, with every field of the API's request; the rest has defaults. */
export interface CertificateRequest extends RequestTerms {
  /** PKCS#10, PEM or DER. */
  readonly csr: Uint8Array;
  readonly deviceId: string | null;
}

/** The fleet as far as a decision needs it. */
export interface FleetFacts {
  readonly id: number;
  readonly name: string;
  readonly target: Target;
}

/** What every grant says. */
export interface GrantTerms {
  readonly fleet: FleetFacts;
  readonly requester: Requester;
  readonly deviceId: string;
  readonly foldedId: string;
  readonly profile: DeviceProfile;
  readonly granted: GrantedExtensions;
  readonly notAfter: Date | null;
  /** The request's and the token's, canonical JSON; null: there are none. */
  readonly labels: string | null;
  /** True where the request named labels. */
  readonly labelsAsked: boolean;
  readonly supersede: string | null;
  /** Of those that are superseded; null: never. */
  readonly revokeOld: 'now' | 'after-handshake' | null;
  readonly warnings: readonly string[];
}

interface GrantContent extends GrantTerms {
  readonly request: ProvenCsr;
}

/** A decision that this requester may have a certificate for this device and this key. */
class GrantProof {
  readonly content: GrantContent;
  readonly #granted = true;

  constructor(content: GrantContent) {
    this.content = content;
  }

  get isGranted(): boolean {
    return this.#granted;
  }
}
export type Grant = GrantProof;

/** Sorted by name, so that equal labels are equal text. */
export const canonicalLabels = (labels: Readonly<Record<string, string>>): string =>
  JSON.stringify(Object.fromEntries(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1))));

function deviceIdOf(proven: ProvenCsr, request: CertificateRequest, target: Target): string {
  const commonName = commonNameOf(proven.csr);
  verifyDeviceId(commonName, target.deviceIdForm);
  if (request.deviceId !== null && request.deviceId !== commonName) {
    throw new PkiError(
      'device-id-mismatch',
      'The device ID of the call is not the common name of the request.',
    );
  }
  return commonName;
}

/** The reason, of those who may, and what becomes of the old certificates. Refuses `not-found`. */
export function supersedeOf(
  requester: Requester,
  request: RequestTerms,
): Pick<GrantTerms, 'supersede' | 'revokeOld'> {
  if (request.supersede === null) return { supersede: null, revokeOld: null };
  if (!maySupersede(requester)) {
    throw new PkiError(
      'not-found',
      `A token of role ${requester.role} may not supersede: role security may, and tokens that were made with the right \`supersede\`.`,
    );
  }
  const { reason, revokeOld = 'never' } = request.supersede;
  return { supersede: reason, revokeOld: revokeOld === 'never' ? null : revokeOld };
}

/**
 * Step 1, decide. Reads and proves the request, and judges key, name and requested extensions by the
 * profile, and name, profile and labels by what the token is bound to. The order is: profile, form, key,
 * proof, name, labels, extensions; the first fault is the answer.
 * Refuses with any of the malformed, proof and policy codes, and `not-found` where the requester may
 * not ask in this fleet.
 */
export function authorize(
  requester: Requester,
  fleet: FleetFacts,
  profile: DeviceProfile,
  request: CertificateRequest,
): Grant {
  if (!isAllowed(requester, 'certificate:request', fleet.name)) throw notFound('fleet', requester.role);
  const { bounds } = requester;
  verifyProfileGranted(bounds, profile.name);
  const csr = parseCsr(decodeCsr(request.csr));
  verifyKeyRules(csr.publicKey.key, profile.keys);
  const proven = proveCsr(csr);
  const deviceId = deviceIdOf(proven, request, fleet.target);
  verifyIdGranted(bounds, deviceId);
  const labels = stampLabels(bounds, request.labels);
  const granted = judgeRequestedExtensions(csr, profile, deviceId);
  return new GrantProof({
    fleet,
    requester,
    request: proven,
    deviceId,
    foldedId: foldDeviceId(deviceId),
    profile,
    granted,
    notAfter: request.notAfter,
    labels: labels === null ? null : canonicalLabels(labels),
    labelsAsked: request.labels !== null,
    ...supersedeOf(requester, request),
    warnings: [...droppedAttributes(csr), ...granted.warnings],
  });
}
