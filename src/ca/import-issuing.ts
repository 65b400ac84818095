import { OID } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import { isRehearsalName } from '../policy/index.ts';
import {
  type Certificate,
  findExtension,
  isSignedBy,
  type PrivateKey,
  readBasicConstraints,
  readKeyUsage,
} from '../x509/index.ts';
import { type AuthorityResult, verifyNameIsFree } from './authorities.ts';
import { newKeyId, recordKey } from './authority-key.ts';
import type { CaContext } from './context.ts';
import { verifyImportedKey } from './import-root.ts';
import { generationCertificate } from './issuer.ts';
import { DIGEST_DIGITS, OFFLINE_SUFFIX } from './keystore-ports.ts';
import type { Act, Fleet, Generation } from './ledger-records.ts';

/** A CA under a root that was made elsewhere. */
export interface ForeignIssuing {
  readonly name: string;
  readonly certificate: Certificate;
  /** null: it stays where it is. */
  readonly key: PrivateKey | null;
}

const refuse = (message: string): never => {
  throw new PkiError('bad-ca-certificate', message);
};

function verifyCa(certificate: Certificate): void {
  const constraints = findExtension(certificate, OID.basicConstraints);
  if (!constraints || !readBasicConstraints(constraints).ca)
    refuse('The certificate is not a CA (basicConstraints CA:TRUE).');
  const usage = findExtension(certificate, OID.keyUsage);
  if (usage && !readKeyUsage(usage).includes('keyCertSign'))
    refuse('The certificate may not sign others (keyUsage keyCertSign).');
}

/** The CA of the fleet, a root or one under it, that signed it. */
function issuerOf(generations: readonly Generation[], certificate: Certificate): Generation {
  const issuer = generations.find((one) => {
    if (one.kind === 'registration') return false;
    const above = generationCertificate(one);
    const isNamed = Buffer.compare(above.subject.der, certificate.issuer.der) === 0;
    return isNamed && isSignedBy(certificate, above);
  });
  if (issuer && issuer.state !== 'retired' && issuer.state !== 'compromised') return issuer;
  const why = issuer ? `a CA that is ${issuer.state}` : 'no CA of the fleet';
  return refuse(
    `The certificate was signed by ${why}. Import the CAs from the root downwards; a root is signed by its own key.`,
  );
}

function verifyDates({ notBefore, notAfter }: Certificate, now: Date, above: Certificate): void {
  if (notAfter <= now) refuse(`The certificate expired on ${notAfter.toISOString()}.`);
  if (notBefore > now) refuse(`The certificate is not valid before ${notBefore.toISOString()}.`);
  if (notAfter > above.notAfter)
    refuse(`The certificate outlives its issuer, which ends on ${above.notAfter.toISOString()}.`);
}

async function verifyFit(ca: CaContext, act: Act, fleet: Fleet, wish: ForeignIssuing): Promise<Generation> {
  const { certificate, key, name } = wish;
  verifyCa(certificate);
  if (isRehearsalName(certificate.subject)) refuse('The certificate was made in a rehearsal.');
  if (key && Buffer.compare(certificate.publicKey.spki, key.publicKey.spki) !== 0)
    refuse('The private key is not the key of this certificate.');
  const issuer = issuerOf(await ca.ledger.listGenerations(fleet.id), certificate);
  verifyDates(certificate, act.at, generationCertificate(issuer));
  verifyImportedKey(ca, fleet, certificate);
  await verifyNameIsFree(ca, fleet, { name, kind: 'issuing' });
  return issuer;
}

/**
 * Takes in an issuing authority that was made elsewhere, with its key or without. The same certificate again changes
 * nothing. Refuses `bad-ca-certificate`, `already-exists`, `key-of-a-ca`, `key-of-another-device`, and a key that
 * heads no fleet as `importRoot` does.
 */
export async function importIssuing(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  wish: ForeignIssuing,
): Promise<AuthorityResult> {
  const { name, certificate, key } = wish;
  const all = await ca.ledger.listGenerations(fleet.id);
  const known = all.find(
    (one) => one.authority === name && Buffer.compare(one.certificate, certificate.der) === 0,
  );
  if (known) return { generation: known, warnings: [] };
  const issuer = await verifyFit(ca, act, fleet, wish);
  const digest = Buffer.from(certificate.publicKey.digest).toString('hex').slice(0, DIGEST_DIGITS);
  const keyId = key ? newKeyId(ca, fleet, name) : `${fleet.name}.${name}.${digest}${OFFLINE_SUFFIX}`;
  if (key) await ca.keystore.adopt(keyId, key.pkcs8);
  const record = () =>
    ca.ledger.recordGenerationImported(act, {
      fleetId: fleet.id,
      place: 'first',
      issuerId: issuer.id,
      ceremony: null,
      authority: name,
      kind: 'issuing',
      profile: 'imported',
      keyId,
      keyDigest: certificate.publicKey.digest,
      serial: certificate.serial,
      certificate: certificate.der,
      notBefore: certificate.notBefore,
      notAfter: certificate.notAfter,
    });
  const generation = key ? await recordKey(ca, keyId, record) : await record();
  return { generation, warnings: [] };
}
