import type { CaContext, Fleet, Generation, IssueContext } from '../ca/index.ts';
import type { Requester } from '../enrollment/index.ts';
import { PkiError } from '../errors.ts';

/**
 * What requests of a call are made under: the fleet, who asks, and the device profile that the call
 * names or its target's default. Refuses `profile-unknown`.
 */
export function contextFor(
  { policy }: CaContext,
  { id, name, target }: Fleet,
  { id: token, name: title, role, rights, fleet }: Requester,
  named: string | null,
): Omit<IssueContext, 'issuer'> {
  const profile = named ?? policy.target(target).defaultProfiles.device;
  if (!policy.deviceProfile(target, profile)) {
    throw new PkiError('profile-unknown', `There is no device profile named ${profile} for this fleet.`);
  }
  return { fleet: { id, name, target }, requester: { id: token, name: title, role, rights, fleet }, profile };
}

export const issuerOf = ({ id, keyId, certificate }: Generation): IssueContext['issuer'] => ({
  id,
  keyId,
  certificate,
});
