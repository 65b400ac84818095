import type { KeyAlgorithm } from '../x509/index.ts';
import type { DeviceIdForm } from './device-id.ts';
import { type AuthorityProfile, type DeviceProfile, type Profile, parseProfile } from './profile.ts';

export const TARGETS = ['ota-connect', 'ota-ce', 'generic'] as const;
export type TargetName = (typeof TARGETS)[number];

/** Which OTA server a fleet talks to, and what that fixes. The shapes are those of its manual. */
export interface Target {
  readonly name: TargetName;
  readonly title: string;
  readonly deviceIdForm: DeviceIdForm;
  /** Keys that the server is known to take in an authority's certificate. */
  readonly authorityKeys: readonly KeyAlgorithm[];
  readonly defaultProfiles: Readonly<Record<Profile['kind'], string>>;
  readonly profiles: readonly Profile[];
}

const DAYS_OF_A_ROOT = 3650;

/** The root that both servers take: critical EKU with serverAuth and clientAuth, all three extensions critical. */
const fleetRoot = {
  kind: 'root',
  name: 'fleet-root',
  validityDays: DAYS_OF_A_ROOT,
  backdateHours: 48,
  keyUsage: { critical: true, bits: ['keyCertSign', 'cRLSign'] },
  extendedKeyUsage: { critical: true, purposes: ['serverAuth', 'clientAuth'] },
  basicConstraints: { critical: true, pathLength: null },
  subjectKeyIdentifier: 'sha256-160',
};

/** As the OpenSSL configuration in the OTA Connect manual makes it, to the extension. */
const otaConnectManualRoot = {
  ...fleetRoot,
  name: 'ota-connect-manual-root',
  keyUsage: { critical: false, bits: ['keyCertSign'] },
  extendedKeyUsage: { critical: true, purposes: ['serverAuth'] },
  basicConstraints: { critical: false, pathLength: null },
  subjectKeyIdentifier: 'omit',
};

/** As the scripts of ota-community-edition make it. */
const otaCeManualRoot = {
  ...otaConnectManualRoot,
  name: 'ota-ce-manual-root',
  extendedKeyUsage: { critical: true, purposes: ['clientAuth'] },
};

const issuing = {
  kind: 'issuing',
  name: 'issuing',
  validityDays: 1825,
  backdateHours: 48,
  keyUsage: { critical: true, bits: ['keyCertSign', 'cRLSign'] },
  extendedKeyUsage: null,
  basicConstraints: { critical: true, pathLength: 0 },
  subjectKeyIdentifier: 'sha256-160',
};

/** The CA of what devices register with. Nobody but the service itself trusts it. */
const registrationCa = {
  ...issuing,
  kind: 'registration',
  name: 'registration-ca',
  validityDays: DAYS_OF_A_ROOT,
};

const device = {
  kind: 'device',
  name: 'device',
  validityDays: 365,
  maxValidityDays: 7300,
  backdateHours: 24,
  keyUsage: { critical: true, bits: ['digitalSignature'] },
  extendedKeyUsage: { critical: true, purposes: ['clientAuth'] },
  basicConstraints: 'omit',
  keys: { curves: ['P-256', 'P-384'], rsa: { minBits: 2048, maxBits: 4096 }, ed25519: false },
};

const genericDevice = {
  ...device,
  keys: { curves: ['P-256', 'P-384', 'P-521'], rsa: { minBits: 2048, maxBits: 8192 }, ed25519: true },
};

const otaCeDevice = { ...device, keys: { ...device.keys, ed25519: true } };

const defaultProfiles = {
  root: 'fleet-root',
  issuing: 'issuing',
  registration: 'registration-ca',
  device: 'device',
} as const;

const parse = (...profiles: readonly unknown[]): readonly Profile[] => profiles.map(parseProfile);

const BUILT_IN: Readonly<Record<TargetName, Target>> = {
  'ota-connect': {
    name: 'ota-connect',
    title: 'HERE OTA Connect',
    deviceIdForm: 'any',
    // Ed25519 as an authority's key is not known to be taken by the closed server.
    authorityKeys: ['ec-p256', 'ec-p384', 'rsa-3072', 'rsa-4096'],
    defaultProfiles,
    profiles: parse(fleetRoot, otaConnectManualRoot, issuing, registrationCa, device),
  },
  'ota-ce': {
    name: 'ota-ce',
    title: 'ota-community-edition / ota-lith',
    deviceIdForm: 'lower-case-uuid',
    authorityKeys: ['ec-p256', 'ec-p384', 'rsa-3072', 'rsa-4096', 'ed25519'],
    defaultProfiles,
    profiles: parse(fleetRoot, otaCeManualRoot, issuing, registrationCa, otaCeDevice),
  },
  generic: {
    name: 'generic',
    title: 'any TLS gateway',
    deviceIdForm: 'any',
    authorityKeys: ['ec-p256', 'ec-p384', 'rsa-3072', 'rsa-4096', 'ed25519'],
    defaultProfiles,
    profiles: parse(fleetRoot, issuing, registrationCa, genericDevice),
  },
};

/** The targets, each with its built-in profiles and those that the operator added. */
export interface Policy {
  target(name: string): Target;
  authorityProfile(target: string, name: string): AuthorityProfile | undefined;
  deviceProfile(target: string, name: string): DeviceProfile | undefined;
}

/**
 * Builds the policy from the built-in targets and the operator's own profiles, which are offered for
 * every target. Throws where one takes the name of a built-in.
 */
export function createPolicy(own: readonly Profile[] = []): Policy {
  const target = (name: string): Target => {
    const found = BUILT_IN[name as TargetName];
    if (!Object.hasOwn(BUILT_IN, name)) throw new Error(`no such target: ${name}`);
    return { ...found, profiles: [...found.profiles, ...own] };
  };
  for (const name of TARGETS) {
    const names = target(name).profiles.map((profile) => profile.name);
    const twice = names.find((other, i) => names.indexOf(other) !== i);
    if (twice !== undefined) throw new TypeError(`the profile ${twice} exists already (${name})`);
  }
  const find = (targetName: string, name: string): Profile | undefined =>
    target(targetName).profiles.find((profile) => profile.name === name);
  return {
    target,
    authorityProfile: (targetName, name) => {
      const profile = find(targetName, name);
      return profile?.kind === 'device' ? undefined : profile;
    },
    deviceProfile: (targetName, name) => {
      const profile = find(targetName, name);
      return profile?.kind === 'device' ? profile : undefined;
    },
  };
}
