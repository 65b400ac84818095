import type { CaContext, Fleet, Generation, IssueContext } from '../ca/index.ts';
import { defaultProfile, type Requester, verifyProfileGranted } from '../enrollment/index.ts';
import { PkiError } from '../errors.ts';

/**
 * What requests of a call are made under: the fleet, who asks, and the device profile that the call
 * names or a default: the target's, or the first of the token's. Refuses `profile-unknown`, `not-granted`.
 */
export function contextFor(
  { policy }: CaContext,
  { id, name, target }: Fleet,
  { id: token, name: title, role, rights, fleet, bounds }: Requester,
  named: string | null,
): Omit<IssueContext, 'issuer'> {
  const profile = named ?? defaultProfile(bounds, policy.target(target).defaultProfiles.device);
  if (!policy.deviceProfile(target, profile)) {
    throw new PkiError('profile-unknown', `There is no device profile named ${profile} for this fleet.`);
  }
  verifyProfileGranted(bounds, profile);
  const requester = { id: token, name: title, role, rights, fleet, bounds };
  return { fleet: { id, name, target }, requester, profile };
}

export const issuerOf = ({
  id,
  keyId,
  certificate,
  authority,
  number,
}: Generation): IssueContext['issuer'] => ({ id, keyId, certificate, authority, number });
