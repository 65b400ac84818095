import { type KeyObject, X509Certificate } from 'node:crypto';
import { OID } from '../asn1/index.ts';
import type { TargetName } from '../policy/index.ts';
import {
  attributesOf,
  type ForeignCertificate,
  foreignBasicConstraints,
  foreignExtendedKeyUsage,
  foreignKeyUsage,
} from '../x509/index.ts';
import { isSelfIssuedName, isSelfSigned } from './build-chain.ts';
import { type Finding, fail, note, warn } from './finding.ts';
import type { GivenFile } from './given-file.ts';
import { day } from './judge-dates.ts';
import { nameOf } from './judge-purposes.ts';
import { judgeStrictly } from './judge-strictly.ts';
import { type ReadFile, readFile } from './read-file.ts';
import { type CheckReport, plainReport } from './report.ts';

const DAY_MS = 24 * 60 * 60 * 1000;
/** Devices get certificates for a year, and a new root takes its time. */
const SOON_DAYS = 365;
const LEAST_RSA_BITS = 2048;

/** Null for a kind that OpenSSL does not know, under which `root-not-self-signed` is found anyway. */
function keyOf({ der }: ForeignCertificate): KeyObject | null {
  try {
    return new X509Certificate(der).publicKey;
  } catch {
    return null;
  }
}

type Rule = (root: ForeignCertificate, target: TargetName) => Finding | false;

const purposesOf = (root: ForeignCertificate): readonly string[] | null => foreignExtendedKeyUsage(root);

/** Against what the servers are known to look at, and what gateways do with the devices below. */
const RULES: readonly Rule[] = [
  (root) =>
    !isSelfSigned(root) &&
    fail(
      'root-not-self-signed',
      null,
      `${nameOf(root)} is no root: ${isSelfIssuedName(root) ? 'its signature does not verify' : 'another CA signed it'}.`,
    ),
  (root) =>
    foreignBasicConstraints(root)?.ca !== true &&
    fail('root-not-ca', null, 'It does not say basicConstraints CA:TRUE.'),
  (root, target) =>
    target === 'ota-connect' &&
    !purposesOf(root)?.includes(OID.serverAuth) &&
    fail(
      'root-purpose-server',
      null,
      'Its extendedKeyUsage lacks serverAuth: the manual says that such a root is rejected.',
    ),
  (root, target) => {
    const purposes = purposesOf(root);
    if (purposes === null || purposes.includes(OID.clientAuth)) return false;
    const says =
      'Its extendedKeyUsage lacks clientAuth: gateways on OpenSSL, nginx and Node refuse every device under it.';
    return target === 'ota-connect'
      ? warn('root-purpose-client', null, says)
      : fail('root-purpose-client', null, says);
  },
  (root, target) => {
    const usage = foreignKeyUsage(root);
    if (usage?.includes('keyCertSign')) return false;
    const says = 'It has no keyUsage with keyCertSign.';
    return usage !== null || target === 'ota-connect'
      ? fail('root-key-usage', null, says)
      : note('root-key-usage', null, says);
  },
  (root) => {
    const usage = foreignKeyUsage(root);
    return (
      usage !== null &&
      !usage.includes('cRLSign') &&
      note(
        'root-no-crl-sign',
        null,
        'It may not sign CRLs: give the gateway none of it, and no ssl_crl, or it refuses every device (error 35).',
      )
    );
  },
  (root) => {
    const key = keyOf(root);
    const bits = key?.asymmetricKeyDetails?.modulusLength ?? LEAST_RSA_BITS;
    if (key?.asymmetricKeyType?.startsWith('rsa') && bits < LEAST_RSA_BITS)
      return fail('root-key-weak', null, `Its key is RSA ${bits}: OpenSSL takes no chain that it signed.`);
    return false;
  },
  (root, target) =>
    target === 'ota-connect' &&
    keyOf(root)?.asymmetricKeyType === 'ed25519' &&
    warn('root-key-kind', null, 'Its key is Ed25519, which the server is not known to take.'),
  (root) =>
    attributesOf(root.subject, OID.commonName).length === 0 &&
    warn(
      'root-unnamed',
      null,
      'It has no common name: people at the server will know it by its fingerprint alone.',
    ),
];

function dates(root: ForeignCertificate, now: Date): readonly Finding[] {
  if (now > root.notAfter) return [fail('ca-expired', null, `It expired on ${day(root.notAfter)}.`)];
  if (now < root.notBefore)
    return [fail('ca-not-yet-valid', null, `It is not valid before ${day(root.notBefore)}.`)];
  return root.notAfter.getTime() - now.getTime() < SOON_DAYS * DAY_MS
    ? [warn('root-ends-soon', null, `It ends on ${day(root.notAfter)}, and all that is under it with it.`)]
    : [];
}

function fileFindings({ certificates, key, form }: ReadFile, target: TargetName): readonly Finding[] {
  return [
    ...(key === null
      ? []
      : [
          fail(
            'root-holds-key',
            null,
            'The file holds a private key beside the certificate: whoever gets it owns the fleet.',
          ),
        ]),
    ...(certificates.length > 1
      ? [
          fail(
            'root-several',
            null,
            `The file holds ${certificates.length} certificates, where one root is due.`,
          ),
        ]
      : []),
    ...(form === 'der' && target === 'ota-connect'
      ? [fail('root-der', null, 'It is in DER; the server takes PEM.')]
      : []),
  ];
}

/** Whether a file is a CA's certificate, and so no bundle. */
export function isRootFile(file: GivenFile): boolean {
  const [first] = readFile(file, '').certificates;
  return first !== undefined && foreignBasicConstraints(first)?.ca === true && isSelfIssuedName(first);
}

/** Says whether a root is fit to be sent to its OTA server. The file must be one (`isRootFile`). */
export function checkRoot(given: GivenFile, target: TargetName, now: Date): CheckReport {
  const file = readFile(given, '');
  const [root] = file.certificates;
  if (root === undefined) throw new Error('a root is due');
  const { fingerprint256 } = new X509Certificate(root.der);
  const findings = [
    ...fileFindings(file, target),
    ...RULES.map((rule) => rule(root, target)).filter((one) => one !== false),
    ...dates(root, now),
    ...judgeStrictly([root]),
  ];
  const name = nameOf(root);
  return plainReport(
    { pass: `${name} is fit to be a fleet root`, fail: `${name} is not fit to be a fleet root` },
    { root: name, until: day(root.notAfter), 'SHA-256': fingerprint256.replaceAll(':', '').toLowerCase() },
    findings,
  );
}
