import {
  type DeviceProfile,
  foldDeviceId,
  type GrantedExtensions,
  verifyAlgorithmRules,
  verifyDeviceId,
  verifyKeyRules,
} from '../policy/index.ts';
import { type DeviceKeyAlgorithm, type PublicKey, parsePublicKey } from '../x509/index.ts';
import { isAllowed, notFound, type Requester } from './access.ts';
import {
  canonicalLabels,
  type FleetFacts,
  type GrantTerms,
  type RequestTerms,
  supersedeOf,
} from './authorize.ts';
import { stampLabels, verifyIdGranted, verifyProfileGranted } from './bounds.ts';
import type { KeyMaker } from './ports.ts';

/** What a requester asks for who wants a key as well. */
export interface MadeKeyRequest extends RequestTerms {
  readonly deviceId: string;
  readonly algorithm: DeviceKeyAlgorithm;
}

interface MadeKeyContent extends GrantTerms {
  readonly publicKey: PublicKey;
  /** PKCS#8, DER; wiped by whoever hands it on, or lets go of it. */
  readonly pkcs8: Uint8Array;
}

/**
 * A decision that this requester may have a certificate for this device and a key that was made for it.
 * There is no proof of possession to verify: we possess the key.
 */
class MadeKeyGrantProof {
  readonly content: MadeKeyContent;
  readonly #granted = true;

  constructor(content: MadeKeyContent) {
    this.content = content;
  }

  get isGranted(): boolean {
    return this.#granted;
  }
}
export type MadeKeyGrant = MadeKeyGrantProof;

const NOTHING_GRANTED: GrantedExtensions = { purposes: [], subjectAltName: 'none', warnings: [] };

/**
 * Step 1, decide, for a device whose key we make. Judges kind of key and name by the profile, and name,
 * profile and labels by what the token is bound to; then makes the key and judges that, too. Refuses with
 * the policy codes, those of keys, and `not-found` where the requester may not ask in this fleet.
 */
export function authorizeMadeKey(
  requester: Requester,
  fleet: FleetFacts,
  profile: DeviceProfile,
  request: MadeKeyRequest,
  makeKey: KeyMaker,
): MadeKeyGrant {
  if (!isAllowed(requester, 'certificate:request', fleet.name)) throw notFound('fleet', requester.role);
  const { bounds } = requester;
  verifyProfileGranted(bounds, profile.name);
  const { deviceId, algorithm, notAfter } = request;
  verifyAlgorithmRules(algorithm, profile.keys);
  verifyDeviceId(deviceId, fleet.target.deviceIdForm);
  verifyIdGranted(bounds, deviceId);
  const labels = stampLabels(bounds, request.labels);
  const supersede = supersedeOf(requester, request);
  const { pkcs8, spki } = makeKey(algorithm);
  const publicKey = parsePublicKey(spki);
  verifyKeyRules(publicKey.key, profile.keys);
  return new MadeKeyGrantProof({
    fleet,
    requester,
    deviceId,
    foldedId: foldDeviceId(deviceId),
    profile,
    granted: NOTHING_GRANTED,
    notAfter,
    labels: labels === null ? null : canonicalLabels(labels),
    labelsAsked: request.labels !== null,
    ...supersede,
    warnings: [],
    publicKey,
    pkcs8,
  });
}
