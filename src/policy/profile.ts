import { createHash } from 'node:crypto';
import { z } from 'zod';
import { OID } from '../asn1/index.ts';
import { KEY_USAGES, PURPOSES, type Purpose } from '../x509/index.ts';

const purposes = Object.keys(PURPOSES) as [Purpose, ...Purpose[]];

const keyUsage = z.strictObject({ critical: z.boolean(), bits: z.array(z.enum(KEY_USAGES)).min(1) });
const extendedKeyUsage = z.strictObject({
  critical: z.boolean(),
  purposes: z
    .array(z.enum(purposes))
    .min(1)
    .refine((all) => new Set(all).size === all.length, 'names a purpose twice'),
});

/** RDNs that follow the CN, in this order. */
export const SUBJECT_TYPES = {
  organizationalUnit: OID.organizationalUnitName,
  organization: OID.organizationName,
  locality: OID.localityName,
  stateOrProvince: OID.stateOrProvinceName,
  country: OID.countryName,
} as const;

/** The upper bounds of RFC 5280, appendix A.1, over text that prints and that UTF-8 can carry. */
const attribute = (max: number) =>
  z
    .string()
    .min(1)
    .max(max)
    .refine(
      (text) => text.isWellFormed() && !/[\p{Cc}\p{Cf}]/u.test(text),
      'must hold printing characters alone',
    )
    .optional();

const subject = z.strictObject({
  organizationalUnit: attribute(64),
  organization: attribute(64),
  locality: attribute(128),
  stateOrProvince: attribute(128),
  country: z
    .string()
    .regex(/^[A-Z]{2}$/, 'two capital letters (ISO 3166)')
    .optional(),
});

/** RFC 5280, 4.2.1.13, and 8: http, for whoever reads a CRL must not need TLS to judge TLS. */
function isCrlBaseUrl(text: string): boolean {
  return URL.canParse(text) && new URL(text).origin === text && text.startsWith('http://');
}

const common = {
  name: z.string().regex(/^[a-z0-9][a-z0-9-]{0,62}$/),
  validityDays: z.int().min(1).max(36_500),
  /** How far notBefore lies before the moment of issue: device clocks run behind. */
  backdateHours: z
    .int()
    .min(0)
    .max(24 * 31),
  subject: subject.default({}),
  keyUsage: keyUsage.nullable(),
  extendedKeyUsage: extendedKeyUsage.nullable(),
  /** Where relying parties reach the public pages: certificates name the address of their CRL there. Absent: none. */
  crlBaseUrl: z
    .string()
    .max(200)
    .refine(isCrlBaseUrl, 'must be http://host[:port], without a path or a slash at its end')
    .optional(),
};

/** What a CA certificate of a kind says. */
export const authorityProfileSchema = z.strictObject({
  kind: z.enum(['root', 'issuing', 'registration']),
  ...common,
  basicConstraints: z.strictObject({ critical: z.boolean(), pathLength: z.int().min(0).max(8).nullable() }),
  /** 'omit' only where a manual's root must be reproduced exactly. */
  subjectKeyIdentifier: z.enum(['sha256-160', 'omit']),
});

const keyRules = z.strictObject({
  curves: z.array(z.enum(['P-256', 'P-384', 'P-521'])),
  rsa: z.strictObject({ minBits: z.int().min(2048), maxBits: z.int().max(8192) }).nullable(),
  ed25519: z.boolean(),
});

/** Requested extensions that may stand in a request without being granted: they are left out, with a warning. */
export const IGNORABLE = [
  'basicConstraints',
  'keyUsage',
  'clientAuth',
  'serverAuth',
  'subjectKeyIdentifier',
  'subjectAltName',
] as const;

/** What a device certificate of a kind says, and what may be asked of it. */
export const deviceProfileSchema = z.strictObject({
  kind: z.literal('device'),
  ...common,
  /** The longest that a request may ask for with notAfter. */
  maxValidityDays: z.int().min(1).max(36_500),
  basicConstraints: z.enum(['omit', 'end-entity']),
  keys: keyRules,
  /** Purposes that a request may add to the profile's own. */
  grantPurposes: z.array(z.enum(purposes)).default([]),
  /** 'device-id': a subjectAltName that is the device ID as a dNSName is written where it is asked for. */
  grantSubjectAltName: z.enum(['none', 'device-id']).default('none'),
  ignore: z.array(z.enum(IGNORABLE)).default([...IGNORABLE]),
});

export const profileSchema = z.discriminatedUnion('kind', [authorityProfileSchema, deviceProfileSchema]);

export type AuthorityProfile = Readonly<z.infer<typeof authorityProfileSchema>>;
export type DeviceProfile = Readonly<z.infer<typeof deviceProfileSchema>>;
export type Profile = AuthorityProfile | DeviceProfile;

const CA_ONLY: readonly string[] = ['keyCertSign', 'cRLSign'];

/** Rules that no key could meet are a mistake. */
const checkKeyRules = ({ curves, rsa, ed25519 }: DeviceProfile['keys']): readonly string[] => [
  ...(rsa && rsa.minBits > rsa.maxBits ? ['keys.rsa.minBits is above keys.rsa.maxBits'] : []),
  ...(curves.length === 0 && !rsa && !ed25519 ? ['keys takes no key at all'] : []),
];

/** Rules that span fields. Empty where the profile is coherent. */
function checkCoherence(profile: Profile): readonly string[] {
  const bits = profile.keyUsage?.bits ?? [];
  if (profile.kind === 'device') {
    const caBits = bits.filter((bit) => CA_ONLY.includes(bit));
    return [
      ...(caBits.length > 0 ? [`a device certificate must not have ${caBits.join(' and ')}`] : []),
      ...(profile.maxValidityDays < profile.validityDays ? ['maxValidityDays is below validityDays'] : []),
      ...checkKeyRules(profile.keys),
    ];
  }
  return [
    ...(bits.includes('keyCertSign') ? [] : ['a CA certificate must have keyCertSign']),
    // Nobody looks a certificate up that stands for itself.
    ...(profile.kind !== 'issuing' && profile.crlBaseUrl
      ? ['crlBaseUrl is for what is signed by another']
      : []),
  ];
}

/**
 * Validates a profile that came from outside. Throws a `TypeError` whose message names every field
 * that does not fit: profiles are configuration, and a service with a wrong one does not start.
 */
export function parseProfile(input: unknown): Profile {
  const result = profileSchema.safeParse(input);
  if (!result.success) throw new TypeError(z.prettifyError(result.error));
  const problems = checkCoherence(result.data);
  if (problems.length > 0) throw new TypeError(problems.join('; '));
  return result.data;
}

/** Profiles never change while the service runs. */
const digests = new WeakMap<Profile, Uint8Array>();

/** SHA-256 over the profile's content: what an intent was made under. Key order does not matter. */
export function profileDigest(profile: Profile): Uint8Array {
  const known = digests.get(profile);
  if (known) return known;
  const digest = createHash('sha256')
    .update(JSON.stringify(sortKeys(profile)))
    .digest();
  digests.set(profile, digest);
  return digest;
}

function sortKeys(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sortKeys);
  if (value === null || typeof value !== 'object') return value;
  return Object.fromEntries(
    Object.entries(value)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, inner]) => [key, sortKeys(inner)]),
  );
}
