import type { Certificate } from '../x509/index.ts';
import { deviceValidity } from './plan.ts';
import { type DeviceProfile, parseProfile } from './profile.ts';

/** Longest life of registration credentials, days: they lie in images and build machines. */
export const MAX_REGISTRATION_DAYS = 3650;

/** What the certificate says that devices register with. It is no target's, so that nobody can ask under it. */
export const REGISTRATION_PROFILE = parseProfile({
  kind: 'device',
  name: 'registration-credential',
  validityDays: 90,
  maxValidityDays: MAX_REGISTRATION_DAYS,
  backdateHours: 24,
  keyUsage: { critical: true, bits: ['digitalSignature'] },
  extendedKeyUsage: { critical: true, purposes: ['clientAuth'] },
  basicConstraints: 'omit',
  keys: { curves: ['P-256'], rsa: null, ed25519: false },
}) as DeviceProfile;

const DAY = 86_400_000;

/**
 * The end that a device asks for by a lifetime in days: null where that is no sooner than what it gets
 * anyway, which is the profile's validity, or the issuer's end. Refuses `issuer-near-end`.
 */
export function notAfterOfLifetime(
  profile: DeviceProfile,
  issuer: Certificate,
  now: Date,
  days: number | null,
): Date | null {
  const usual = deviceValidity(profile, issuer, now, null).notAfter;
  if (days === null) return null;
  const wished = now.getTime() + days * DAY;
  return wished < usual.getTime() ? new Date(wished) : null;
}
