import { OID } from '../asn1/index.ts';
import { PkiError } from '../errors.ts';
import { type AuthorityProfile, judgeAuthority } from '../policy/index.ts';
import { attributesOf, type Certificate, isSignedBy } from '../x509/index.ts';
import { type AuthorityResult, profileFor, verifyNewName } from './authorities.ts';
import type { CaContext } from './context.ts';
import { generationCertificate } from './issuer.ts';
import type { Act, CeremonyOrigin, Fleet, Generation } from './ledger-records.ts';

function refuse(message: string): never {
  throw new PkiError('bad-ca-certificate', message);
}

/** The root of the fleet that signed it: nothing else would be found in the trust bundle above it. */
function issuerOf(generations: readonly Generation[], certificate: Certificate): Generation {
  const issuer = generations.find((one) => {
    const root = generationCertificate(one);
    const isNamed = Buffer.compare(root.subject.der, certificate.issuer.der) === 0;
    return one.kind === 'root' && isNamed && isSignedBy(certificate, root);
  });
  if (!issuer)
    return refuse(
      "The certificate was signed by no root of the fleet. Import the signer's first, without its key.",
    );
  if (issuer.state !== 'retired' && issuer.state !== 'compromised') return issuer;
  return refuse(
    `The certificate was signed by generation ${issuer.number} of ${issuer.authority}, which is ${issuer.state}.`,
  );
}

function profileOf(ca: CaContext, fleet: Fleet, name: string): AuthorityProfile {
  try {
    return profileFor(ca, fleet, 'issuing', name);
  } catch (failure) {
    if (!(failure instanceof PkiError)) throw failure;
    // The operator's own, which is gone since: what it said is in the request, and the default is judged by.
    return profileFor(ca, fleet, 'issuing', null);
  }
}

/**
 * Installs the certificate that another CA signed for the open request of an authority: the first of an authority is
 * active, the next staged. The same again changes nothing. Refuses `not-found` where nothing is asked for, and
 * `bad-ca-certificate` for one of another key, by no root of the fleet, that is unfit for what it is for, or out of
 * its dates; and as the ledger does.
 */
export async function installAuthority(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  name: string,
  certificate: Certificate,
  ceremony: CeremonyOrigin | null,
): Promise<AuthorityResult> {
  const generations = await ca.ledger.listGenerations(fleet.id);
  const line = generations.filter(({ authority }) => authority === name);
  const known = line.find((one) => Buffer.compare(one.certificate, certificate.der) === 0);
  if (known) return { generation: known, warnings: [] };
  const request = await ca.ledger.findAuthorityRequest(fleet.id, name);
  if (!request)
    throw new PkiError(
      'not-found',
      `No certificate is asked for an authority named ${name}: ask for one first.`,
    );
  if (Buffer.compare(certificate.publicKey.digest, request.keyDigest) !== 0)
    refuse(`The certificate is for another key than that of the request of ${name}.`);
  const issuer = issuerOf(generations, certificate);
  const profile = profileOf(ca, fleet, request.profile);
  const { faults, warnings } = judgeAuthority(certificate, generationCertificate(issuer), profile, act.at);
  if (faults.length > 0) {
    throw new PkiError('bad-ca-certificate', `The certificate does not fit: ${faults.join('; ')}.`, {
      violations: faults.map((message) => ({ at: '/certificate', message })),
    });
  }
  for (const { value } of attributesOf(certificate.subject, OID.commonName)) verifyNewName(line, value ?? '');
  const generation = await ca.ledger.recordGenerationImported(act, {
    fleetId: fleet.id,
    place: line.length === 0 ? 'first' : 'next',
    issuerId: issuer.id,
    ceremony,
    authority: name,
    kind: 'issuing',
    profile: request.profile,
    keyId: request.keyId,
    keyDigest: request.keyDigest,
    serial: certificate.serial,
    certificate: certificate.der,
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
  });
  return { generation, warnings };
}

/** The authority whose open request has a key; undefined: none. */
export async function findRequestOf(
  ca: CaContext,
  fleet: Fleet,
  keyDigest: Uint8Array,
): Promise<string | undefined> {
  const open = await ca.ledger.listAuthorityRequests(fleet.id);
  return open.find((one) => Buffer.compare(one.keyDigest, keyDigest) === 0)?.authority;
}
