import { mintSerial } from '../../ca/index.ts';
import { PkiError } from '../../errors.ts';
import {
  createPolicy,
  type DeviceProfile,
  deviceProfileSchema,
  parseProfile,
  planDeviceCertificate,
  prepareTbs,
} from '../../policy/index.ts';
import type { Random } from '../../random.ts';
import {
  assembleCertificate,
  checkChain,
  importPublicKey,
  isSelfIssued,
  isSignatureValid,
  parseCertificate,
  parsePublicKey,
  signOctets,
} from '../../x509/index.ts';
import { LocalFailure } from '../local-failure.ts';
import type { FleetCa } from './fleet-ca.ts';

/** Attributes of the subject beside the CN. */
export interface SubjectWish {
  readonly country?: string;
  readonly stateOrProvince?: string;
  readonly organization?: string;
}

export interface DeviceWish {
  readonly deviceId: string;
  readonly subject: SubjectWish;
  /** undefined: 365, or as long as the CA lives where that is shorter. */
  readonly days: number | undefined;
}

const DAY_MS = 86_400_000;
const DEFAULT_DAYS = 365;
/** A century, as profiles allow. */
const MAX_DAYS = 36_500;

const OPTION_OF: Readonly<Record<keyof SubjectWish, string>> = {
  country: '--certificate-c',
  stateOrProvince: '--certificate-st',
  organization: '--certificate-o',
};

/** Checks what the command line gave for the subject. Throws `usage`. */
export function readSubjectWish(given: SubjectWish): SubjectWish {
  const { country, ...rest } = given;
  const wish = country === undefined ? rest : { ...rest, country: country.toUpperCase() };
  const result = deviceProfileSchema.shape.subject.safeParse(wish);
  if (result.success) return wish;
  const violations = result.error.issues.map(({ path: [field], message }) => ({
    at: OPTION_OF[field as keyof SubjectWish],
    message,
  }));
  throw new LocalFailure('usage', 'The subject does not fit.', { violations });
}

/** The shape of a device's certificate as every target has it, with this subject. */
function profileFor(subject: SubjectWish): DeviceProfile {
  const device = createPolicy().deviceProfile('generic', 'device');
  return parseProfile({
    ...device,
    name: 'cert-provider',
    subject,
    validityDays: DEFAULT_DAYS,
    maxValidityDays: MAX_DAYS,
  }) as DeviceProfile;
}

const notAfterOf = (days: number | undefined, now: Date): Date | null =>
  days === undefined ? null : new Date(now.getTime() + days * DAY_MS);

/** A certificate from a fleet CA whose key is at hand. */
export interface CertifiedDevice {
  readonly der: Uint8Array;
  readonly warnings: readonly string[];
}

/** What a gateway would say of the chain; nothing where its root is not in the CA's file. */
function gatewayWarnings({ chain }: FleetCa, der: Uint8Array, now: Date): readonly string[] {
  const top = chain.at(-1);
  if (!top || !isSelfIssued(top)) return [];
  return checkChain([parseCertificate(der), ...chain], 'clientAuth', now).map(
    (fault) => `A gateway on OpenSSL, nginx or Node will refuse this device: ${fault}.`,
  );
}

/**
 * Signs a certificate for a device's key: planned, read back and linted as the service does it, and its
 * signature verified. Refuses `issuer-near-end`, `validity-exceeds-issuer`, `validity-exceeds-profile`,
 * and `signer-unavailable` where the signature does not hold.
 */
export function certifyDevice(
  ca: FleetCa,
  spki: Uint8Array,
  { deviceId, subject, days }: DeviceWish,
  { random, now }: { readonly random: Random; readonly now: Date },
): CertifiedDevice {
  const { issuer, key } = ca;
  const plan = planDeviceCertificate({
    profile: profileFor(subject),
    deviceId,
    publicKey: parsePublicKey(spki),
    granted: { purposes: [], subjectAltName: 'none', warnings: [] },
    issuer,
    serial: mintSerial(random),
    now,
    notAfter: notAfterOf(days, now),
  });
  const tbs = prepareTbs(plan).takeFor(issuer.generationId);
  const signature = signOctets(issuer.algorithm, key, tbs);
  const { publicKey } = issuer.certificate;
  // A fault while signing with RSA would give the CA's key away.
  if (!isSignatureValid(issuer.algorithm, publicKey.key.kind, importPublicKey(publicKey), tbs, signature)) {
    throw new PkiError('signer-unavailable', "The fleet CA's key made a signature that does not verify.");
  }
  const der = assembleCertificate(tbs, issuer.algorithm, signature);
  return { der, warnings: [...plan.warnings, ...gatewayWarnings(ca, der, now)] };
}
