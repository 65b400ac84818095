import { OID } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import { isRehearsalName, rootWarnings } from '../policy/index.ts';
import {
  type Certificate,
  describeKey,
  findExtension,
  isPrivateKeyEncrypted,
  isSelfIssued,
  isSignedBy,
  type PrivateKey,
  parseCertificates,
  parsePrivateKey,
  readBasicConstraints,
  readKeyUsage,
} from '../x509/index.ts';
import { type AuthorityResult, verifyNameIsFree } from './authorities.ts';
import { newKeyId, recordKey, verifyKeyAlgorithm } from './authority-key.ts';
import type { CaContext } from './context.ts';
import type { Act, Fleet } from './ledger-records.ts';

export interface AuthorityImport {
  readonly name: string;
  /** One certificate, PEM. */
  readonly certificate: string;
  /** Its private key, PEM. */
  readonly privateKey: string;
  readonly passphrase: string | null;
}

function refuseCertificate(message: string): never {
  throw new PkiError('bad-ca-certificate', message);
}

/** A root that can head a fleet: a CA, self-signed, alive, with the key that was given. */
export function verifyImportedRoot(certificate: Certificate, spki: Uint8Array, now: Date): void {
  const constraints = findExtension(certificate, OID.basicConstraints);
  if (!constraints || !readBasicConstraints(constraints).ca)
    refuseCertificate('The certificate is not a CA (basicConstraints CA:TRUE).');
  const usage = findExtension(certificate, OID.keyUsage);
  if (usage && !readKeyUsage(usage).includes('keyCertSign'))
    refuseCertificate('The certificate may not sign others (keyUsage keyCertSign).');
  if (!isSelfIssued(certificate) || !isSignedBy(certificate, certificate)) {
    refuseCertificate('The certificate is not a root: it is not signed by its own key.');
  }
  if (Buffer.compare(certificate.publicKey.spki, spki) !== 0)
    refuseCertificate('The private key is not the key of this certificate.');
  if (certificate.notAfter <= now)
    refuseCertificate(`The certificate expired on ${certificate.notAfter.toISOString()}.`);
  if (certificate.notBefore > now)
    refuseCertificate(`The certificate is not valid before ${certificate.notBefore.toISOString()}.`);
  if (isRehearsalName(certificate.subject)) refuseCertificate('The certificate was made in a rehearsal.');
  if (certificate.subject.rdns.length === 0) {
    refuseCertificate('The certificate has an empty subject: nothing under it could name its issuer.');
  }
}

export function verifyImportedKey(ca: CaContext, fleet: Fleet, { publicKey: { key } }: Certificate): void {
  if (key.kind === 'ed25519') verifyKeyAlgorithm(ca, fleet, 'ed25519');
  if (key.kind !== 'rsa' || (key.modulusBits >= 2048 && key.modulusBits <= 8192)) return;
  throw new PkiError('weak-key', `A root's RSA key has 2048 to 8192 bits; this one is ${describeKey(key)}.`);
}

interface ImportedRoot {
  readonly certificate: Certificate;
  readonly key: PrivateKey;
  readonly warnings: readonly string[];
}

/** The private key that came with a certificate. Refuses `bad-pem`, also where a passphrase is due. */
export function readImportedKey({
  privateKey,
  passphrase,
}: Pick<AuthorityImport, 'privateKey' | 'passphrase'>): PrivateKey {
  if (passphrase !== null || !isPrivateKeyEncrypted(privateKey))
    return parsePrivateKey(privateKey, passphrase ?? undefined);
  throw new PkiError(
    'bad-pem',
    'The private key is encrypted, and no passphrase came with it: `import.passphrase` holds it, and on the command line --passphrase-file names its file.',
    { violations: [{ at: '/import/passphrase', message: 'is due for an encrypted key' }] },
  );
}

function readImportedRoot(ca: CaContext, fleet: Fleet, wish: AuthorityImport, now: Date): ImportedRoot {
  try {
    const [certificate, second] = parseCertificates(wish.certificate);
    if (!certificate || second) return refuseCertificate('One certificate is due: the root alone.');
    const key = readImportedKey(wish);
    verifyImportedRoot(certificate, key.publicKey.spki, now);
    verifyImportedKey(ca, fleet, certificate);
    return { certificate, key, warnings: rootWarnings(certificate, fleet.target) };
  } catch (cause) {
    // The readers of extensions serve requests as well, and call what is malformed a bad request.
    if (cause instanceof PkiError && cause.code === 'bad-csr')
      throw new PkiError('bad-ca-certificate', cause.message, { cause });
    throw cause;
  }
}

/**
 * Takes in a root that was made elsewhere, with its key. Refuses `bad-pem`, `bad-der`,
 * `bad-ca-certificate`, `already-exists`, `key-of-a-ca`, `key-of-another-device`, and a key that heads no
 * fleet as `weak-key`, `bad-key`, `curve-not-allowed` or `algorithm-not-allowed`; warns of everything in
 * it that servers stumble over.
 */
export async function importRoot(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  wish: AuthorityImport,
): Promise<AuthorityResult> {
  const { certificate, key, warnings } = readImportedRoot(ca, fleet, wish, act.at);
  await verifyNameIsFree(ca, fleet, { name: wish.name, kind: 'root' });
  const keyId = newKeyId(ca, fleet, wish.name);
  await ca.keystore.adopt(keyId, key.pkcs8);
  const imported = {
    fleetId: fleet.id,
    place: 'first',
    issuerId: null,
    ceremony: null,
    authority: wish.name,
    kind: 'root',
    profile: 'imported',
    keyId,
    keyDigest: key.publicKey.digest,
    serial: certificate.serial,
    certificate: certificate.der,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
  } as const;
  const generation = await recordKey(ca, keyId, () => ca.ledger.recordGenerationImported(act, imported));
  return { generation, warnings };
}
