import type { CaContext, Fleet } from '../ca/index.ts';
import type { FleetFacts } from '../enrollment/index.ts';
import { PkiError } from '../errors.ts';
import type { DeviceProfile } from '../policy/index.ts';

/**
 * The device profile that a call names, or its target's default, with what else a decision needs to
 * know of the fleet. Refuses `profile-unknown`.
 */
export function profileFor(
  ca: CaContext,
  fleet: Fleet,
  named: string | null,
): { readonly facts: FleetFacts; readonly profile: DeviceProfile } {
  const target = ca.policy.target(fleet.target);
  const name = named ?? target.defaultProfiles.device;
  const profile = ca.policy.deviceProfile(fleet.target, name);
  if (!profile)
    throw new PkiError('profile-unknown', `There is no device profile named ${name} for this fleet.`);
  return { facts: { id: fleet.id, name: fleet.name, target }, profile };
}
