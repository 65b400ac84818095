import { type KeyObject, X509Certificate } from 'node:crypto';
import { type ForeignCertificate, foreignBasicConstraints } from '../x509/index.ts';
import type { Parts } from './find-parts.ts';
import { type Finding, fail, warn } from './finding.ts';
import { nameOf } from './judge-purposes.ts';
import type { ReadFile } from './read-file.ts';
import { describePrivateKey, type HeldKey, type KeyFacts } from './read-key.ts';

/** Under it OpenSSL's security level 2, which Debian sets, takes no key (112 bits). */
const LEAST_RSA_BITS = 2048;
/** Keys that devices were seen to come online with (aktualizr 2020.10, OpenSSL 3). */
const PROVEN_CURVES: ReadonlySet<string> = new Set(['P-256', 'P-384']);

function strengthFault({ title, bits, explicit }: KeyFacts, file: string): Finding | undefined {
  if (explicit) {
    return fail(
      'key-explicit-curve',
      file,
      'The key spells out the parameters of its curve, which TLS does not take (curl error 58).',
    );
  }
  return bits !== null && bits < LEAST_RSA_BITS
    ? fail(
        'key-weak',
        file,
        `The key is ${title}; OpenSSL takes none under ${LEAST_RSA_BITS} bits (curl error 58).`,
      )
    : undefined;
}

function unproven({ kind, curve, title }: KeyFacts, file: string): Finding | undefined {
  const isProven = kind === 'rsa' || kind === 'ed25519' || (curve !== null && PROVEN_CURVES.has(curve));
  return isProven
    ? undefined
    : warn('key-unproven', file, `The key is ${title}, which no device was seen to come online with.`);
}

function formFault({ form, object }: HeldKey, file: string): Finding | undefined {
  if (form === 'encrypted')
    return fail(
      'key-encrypted',
      file,
      'The key is encrypted, and nobody on the device has a passphrase (curl error 58).',
    );
  if (object === null)
    return fail('key-unreadable', file, 'The key cannot be read: it is damaged, or of an unknown kind.');
  return form === 'der'
    ? fail('key-der', file, 'The key is in DER; the client reads PEM (curl error 58).')
    : undefined;
}

const isKeyOf = (object: KeyObject, { der }: ForeignCertificate): boolean =>
  new X509Certificate(der).checkPrivateKey(object);

/** A key in the bundle that is not the device's: whose it is, where a certificate here tells. */
function matchFaults(
  { object }: HeldKey,
  leaf: ForeignCertificate,
  file: string,
  { files, isOwn }: { readonly files: readonly ReadFile[]; readonly isOwn: boolean },
): readonly Finding[] {
  if (object === null || isKeyOf(object, leaf)) return [];
  const owner = files.flatMap(({ certificates }) => certificates).find((one) => isKeyOf(object, one));
  const isCa = owner !== undefined && foreignBasicConstraints(owner)?.ca === true;
  const says = owner === undefined ? 'not that of the certificate' : `that of ${nameOf(owner)}`;
  return [
    ...(isCa
      ? [
          fail(
            'key-of-ca',
            file,
            `It holds the private key of the CA ${nameOf(owner)}: whoever gets this bundle can sign as that CA.`,
          ),
        ]
      : []),
    ...(isOwn || !isCa ? [fail('key-mismatch', file, `The key is ${says} (curl error 58).`)] : []),
  ];
}

/** aktualizr reads the key from a file of its own; other clients are content with one for both. */
const besideCertificate = ({ key, client, configuration, forAktualizr }: Parts): Finding | undefined =>
  key !== null && key === client && key.form === 'pem' && forAktualizr && configuration === null
    ? warn(
        'key-beside-certificate',
        key.path,
        'The key stands in the file of the certificate, and the client looks for it in pkey.pem unless its configuration says otherwise (curl error 58).',
      )
    : undefined;

/** Where SoftHSM is to import it: it takes PKCS#8 alone. */
function importFault({ form }: HeldKey, file: string, parts: Parts): Finding | undefined {
  const older = form === 'sec1' || form === 'pkcs1';
  return older && parts.forAktualizr && parts.url === null
    ? warn(
        'key-not-pkcs8',
        file,
        'The key is not PKCS#8: a client loads it, the import into SoftHSM does not.',
      )
    : undefined;
}

function judgeHeldKey(
  file: ReadFile,
  key: HeldKey,
  leaf: ForeignCertificate | undefined,
  parts: Parts,
  files: readonly ReadFile[],
): readonly Finding[] {
  const form = formFault(key, file.path);
  if (form !== undefined) return [form];
  const facts = key.object && describePrivateKey(key.object);
  const strength = facts ? strengthFault(facts, file.path) : undefined;
  return [
    strength,
    ...(leaf ? matchFaults(key, leaf, file.path, { files, isOwn: true }) : []),
    strength === undefined && facts ? unproven(facts, file.path) : undefined,
    importFault(key, file.path, parts),
    besideCertificate(parts),
  ].filter((one) => one !== undefined);
}

/** The device's key: its form, its strength, and whether it is that of the certificate. */
export function judgeKey(
  parts: Parts,
  leaf: ForeignCertificate | undefined,
  files: readonly ReadFile[],
): readonly Finding[] {
  const { key } = parts;
  if (key === null) {
    if (parts.inToken) return [];
    return [warn('key-elsewhere', null, 'There is no private key in the bundle.')];
  }
  if (key.key === null)
    return key.fault === null
      ? [fail('key-unreadable', key.path, `There is no private key in the file; it holds ${key.holds}.`)]
      : [];
  const rest = files.filter((file) => file !== key && file.key?.object && leaf);
  return [
    ...judgeHeldKey(key, key.key, leaf, parts, files),
    // The same key in another form, as ota-ce's scripts leave it.
    ...rest.flatMap((file) =>
      file.key && leaf ? matchFaults(file.key, leaf, file.path, { files, isOwn: false }) : [],
    ),
  ];
}
