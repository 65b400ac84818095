import { type DeviceProfile, parseProfile } from './profile.ts';

/** What a code that a server gave may be: the CN of a certificate, or a challengePassword. */
export const POSSESSION_CODE = /^[A-Za-z0-9 '()+,./:=?_-]{1,64}$/;

/**
 * What the certificate says that shows a server that we have a root's key. It must never pass for a
 * device: its one purpose is emailProtection, which gateways on OpenSSL and nginx refuse in a client
 * (error 26), where a certificate without purposes would be let in.
 */
export const POSSESSION_PROFILE = parseProfile({
  kind: 'device',
  name: 'possession',
  validityDays: 7,
  maxValidityDays: 30,
  backdateHours: 24,
  keyUsage: { critical: true, bits: ['digitalSignature'] },
  extendedKeyUsage: { critical: true, purposes: ['emailProtection'] },
  basicConstraints: 'end-entity',
  keys: { curves: ['P-256'], rsa: null, ed25519: false },
}) as DeviceProfile;
