import { OID, oidName } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import {
  type Csr,
  type Extension,
  isDnsName,
  PURPOSES,
  type Purpose,
  readBasicConstraints,
  readExtendedKeyUsage,
  readKeyUsage,
  readSubjectAltName,
  readSubjectKeyIdentifier,
} from '../x509/index.ts';
import type { DeviceProfile } from './profile.ts';

/** What of the requested extensions will stand in the certificate, and what was left out. */
export interface GrantedExtensions {
  readonly purposes: readonly Purpose[];
  readonly subjectAltName: 'none' | 'device-id';
  readonly warnings: readonly string[];
}

const NOTHING: GrantedExtensions = { purposes: [], subjectAltName: 'none', warnings: [] };

function refuse(what: string, oid: string): never {
  throw new PkiError(
    'extension-not-granted',
    `The request asks for ${what}, which this profile does not grant.`,
    {
      facts: { extension: oid },
    },
  );
}

const ignored = (what: string): GrantedExtensions => ({
  ...NOTHING,
  warnings: [`The request's ${what} was ignored; the profile decides.`],
});

type Judge = (extension: Extension, profile: DeviceProfile, deviceId: string) => GrantedExtensions;

const judgeBasicConstraints: Judge = (extension, profile) => {
  if (readBasicConstraints(extension).ca) return refuse('basicConstraints CA:TRUE', extension.oid);
  return profile.ignore.includes('basicConstraints')
    ? ignored('basicConstraints')
    : refuse('basicConstraints', extension.oid);
};

const judgeKeyUsage: Judge = (extension, profile) => {
  const usages = readKeyUsage(extension);
  const forCas = usages.filter((usage) => usage === 'keyCertSign' || usage === 'cRLSign');
  if (forCas.length > 0) return refuse(`keyUsage ${forCas.join(' and ')}`, extension.oid);
  return profile.ignore.includes('keyUsage') ? ignored('keyUsage') : refuse('keyUsage', extension.oid);
};

const purposeOf = (oid: string): Purpose | undefined =>
  (Object.keys(PURPOSES) as Purpose[]).find((purpose) => PURPOSES[purpose] === oid);

/** What a profile says to one requested purpose. */
function judgePurpose(oid: string, profile: DeviceProfile): 'own' | 'granted' | 'ignored' | 'refused' {
  const purpose = purposeOf(oid);
  if (purpose === undefined) return 'refused';
  if (profile.extendedKeyUsage?.purposes.includes(purpose)) return 'own';
  if (profile.grantPurposes.includes(purpose)) return 'granted';
  return profile.ignore.some((ignorable) => ignorable === purpose) ? 'ignored' : 'refused';
}

const judgeExtendedKeyUsage: Judge = (extension, profile) => {
  const judged = readExtendedKeyUsage(extension).map((oid) => ({ oid, verdict: judgePurpose(oid, profile) }));
  const refused = judged.find(({ verdict }) => verdict === 'refused');
  if (refused) return refuse(`extendedKeyUsage ${oidName(refused.oid)}`, extension.oid);
  const purposes = judged
    .filter(({ verdict }) => verdict === 'granted')
    .flatMap(({ oid }) => purposeOf(oid) ?? []);
  const allGranted = judged.every(({ verdict }) => verdict === 'granted');
  return allGranted ? { ...NOTHING, purposes } : { ...ignored('extendedKeyUsage'), purposes };
};

const judgeSubjectKeyIdentifier: Judge = (extension, profile) => {
  readSubjectKeyIdentifier(extension);
  return profile.ignore.includes('subjectKeyIdentifier')
    ? ignored('subjectKeyIdentifier')
    : refuse('a subjectKeyIdentifier', extension.oid);
};

const judgeSubjectAltName: Judge = (extension, profile, deviceId) => {
  const names = readSubjectAltName(extension);
  if (!names.every((name) => isDnsName(name) && name.text === deviceId)) {
    return refuse('a subjectAltName other than the device ID', extension.oid);
  }
  if (profile.grantSubjectAltName === 'device-id') return { ...NOTHING, subjectAltName: 'device-id' };
  return profile.ignore.includes('subjectAltName')
    ? ignored('subjectAltName')
    : refuse('a subjectAltName', extension.oid);
};

const JUDGES: ReadonlyMap<string, Judge> = new Map([
  [OID.basicConstraints, judgeBasicConstraints],
  [OID.keyUsage, judgeKeyUsage],
  [OID.extendedKeyUsage, judgeExtendedKeyUsage],
  [OID.subjectKeyIdentifier, judgeSubjectKeyIdentifier],
  [OID.subjectAltName, judgeSubjectAltName],
]);

/**
 * Judges what a request asks for against the profile's grant and ignore lists. Everything that is not
 * on either is refused by name (`extension-not-granted`); a malformed extension is `bad-csr`.
 */
export function judgeRequestedExtensions(
  csr: Csr,
  profile: DeviceProfile,
  deviceId: string,
): GrantedExtensions {
  if (csr.requestedExtensions.length === 0) return NOTHING;
  const parts = csr.requestedExtensions.map((extension) => {
    const judge = JUDGES.get(extension.oid);
    return judge
      ? judge(extension, profile, deviceId)
      : refuse(`the extension ${oidName(extension.oid)}`, extension.oid);
  });
  return {
    purposes: [...new Set(parts.flatMap((part) => part.purposes))],
    subjectAltName: parts.some((part) => part.subjectAltName === 'device-id') ? 'device-id' : 'none',
    warnings: parts.flatMap((part) => part.warnings),
  };
}
