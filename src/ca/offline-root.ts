import { OID } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import { rootWarnings } from '../policy/index.ts';
import { attributesOf, type Certificate } from '../x509/index.ts';
import { type AuthorityResult, verifyNameIsFree, verifyNewName } from './authorities.ts';
import type { CaContext } from './context.ts';
import { verifyImportedKey, verifyImportedRoot } from './import-root.ts';
import { DIGEST_DIGITS, OFFLINE_SUFFIX } from './keystore-ports.ts';
import type { Act, CeremonyOrigin, Fleet, Generation } from './ledger-records.ts';
import { verifyFreeForNext } from './rotation.ts';

/** A root whose key stays away from the service. */
export interface OfflineRoot {
  readonly name: string;
  readonly certificate: Certificate;
  readonly ceremony: CeremonyOrigin | null;
}

/** Its place in the fleet: the root, or the next generation of the root that there is. */
async function placeFor(
  ca: CaContext,
  fleet: Fleet,
  line: readonly Generation[],
  { name, certificate }: OfflineRoot,
): Promise<'first' | 'next'> {
  const [first] = line;
  if (!first) {
    await verifyNameIsFree(ca, fleet, { name, kind: 'root' });
    return 'first';
  }
  if (first.kind !== 'root')
    throw new PkiError('already-exists', `The fleet ${fleet.name} has an authority named ${name} already.`);
  verifyFreeForNext(line);
  for (const { value } of attributesOf(certificate.subject, OID.commonName)) verifyNewName(line, value ?? '');
  return 'next';
}

/**
 * Takes in a root without its key: the first of a fleet is active at once; where there is one, it is staged as the
 * next generation. The same certificate again changes nothing. Refuses `bad-ca-certificate`, `already-exists`,
 * `rotation-refused`, `key-of-a-ca`, `key-of-another-device`, `bad-request` (a name that a generation has already),
 * and a key that heads no fleet as `importRoot` does.
 */
export async function importOfflineRoot(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  root: OfflineRoot,
): Promise<AuthorityResult> {
  const { name, certificate, ceremony } = root;
  const { publicKey } = certificate;
  verifyImportedRoot(certificate, publicKey.spki, act.at);
  verifyImportedKey(ca, fleet, certificate);
  const warnings = rootWarnings(certificate, fleet.target);
  const line = (await ca.ledger.listGenerations(fleet.id)).filter(({ authority }) => authority === name);
  const known = line.find((one) => Buffer.compare(one.certificate, certificate.der) === 0);
  if (known) return { generation: known, warnings };
  const place = await placeFor(ca, fleet, line, root);
  const digest = Buffer.from(publicKey.digest).toString('hex').slice(0, DIGEST_DIGITS);
  const generation = await ca.ledger.recordGenerationImported(act, {
    fleetId: fleet.id,
    place,
    issuerId: null,
    ceremony,
    authority: name,
    kind: 'root',
    profile: 'imported',
    keyId: `${fleet.name}.${name}.${digest}${OFFLINE_SUFFIX}`,
    keyDigest: publicKey.digest,
    serial: certificate.serial,
    certificate: certificate.der,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
  });
  return { generation, warnings };
}
