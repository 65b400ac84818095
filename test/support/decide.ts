import {
  authorize,
  type CertificateRequest,
  type Grant,
  type Requester,
  UNBOUND,
} from '../../src/enrollment/index.ts';
import { PkiError } from '../../src/errors.ts';
import { createPolicy, type DeviceProfile, type TargetName } from '../../src/policy/index.ts';

const policy = createPolicy();

export const station: Requester = {
  id: '0011223344556677',
  name: 'line',
  role: 'station',
  rights: [],
  fleet: 'demo',
  bounds: UNBOUND,
};

export const deviceProfile = (target: TargetName = 'generic'): DeviceProfile => {
  const profile = policy.deviceProfile(target, 'device');
  if (!profile) throw new Error('no device profile');
  return profile;
};

/** Step 1 on one request, as the station of fleet `demo`: the grant, or the refusal. */
export function decide(
  csr: Uint8Array,
  more: Partial<CertificateRequest> = {},
  target: TargetName = 'generic',
  requester: Requester = station,
): Grant | PkiError {
  const request = { csr, deviceId: null, notAfter: null, labels: null, supersede: null, ...more };
  const fleet = { id: 1, name: 'demo', target: policy.target(target) };
  try {
    return authorize(requester, fleet, deviceProfile(target), request);
  } catch (refusal) {
    // Anything else is a defect, and must fail the test that meets it.
    if (refusal instanceof PkiError) return refusal;
    throw refusal;
  }
}
