import { PkiError } from '../errors.ts';
import { LINK_PROFILE, linkProfileDigest } from '../policy/index.ts';
import { type Certificate, isSignedBy, sha256 } from '../x509/index.ts';
import { verifyReadBack } from './authorities.ts';
import type { CaContext } from './context.ts';
import { generationCertificate } from './issuer.ts';
import type { Act, Fleet, Generation } from './ledger-records.ts';

function refuse(message: string): never {
  throw new PkiError('bad-ca-certificate', message);
}

/** The root of the fleet that a link is about: of its name and its key. */
function subjectOf(generations: readonly Generation[], link: Certificate): Generation {
  const subject = generations.find((one) => {
    const root = generationCertificate(one);
    const isNamed = Buffer.compare(root.subject.der, link.subject.der) === 0;
    return one.kind === 'root' && isNamed && Buffer.compare(root.publicKey.spki, link.publicKey.spki) === 0;
  });
  return subject ?? refuse('The cross-certificate is about no root of the fleet.');
}

/**
 * Takes in the link from a root whose key is offline to another root of the fleet, and gives that. It is published
 * and sent as one that the service made. Where there is one, nothing changes. Refuses `bad-ca-certificate`, and as
 * the ledger does.
 */
export async function takeInLink(
  ca: CaContext,
  act: Act,
  fleet: Fleet,
  issuer: Generation,
  link: Certificate,
): Promise<Generation> {
  const subject = subjectOf(await ca.ledger.listGenerations(fleet.id), link);
  if (subject.id === issuer.id) return refuse('A root is not linked to itself.');
  if (subject.links.some(({ issuerId }) => issuerId === issuer.id)) return subject;
  const root = generationCertificate(issuer);
  const isIssuers =
    Buffer.compare(link.issuer.der, root.subject.der) === 0 &&
    isSignedBy(link, root) &&
    link.notAfter <= root.notAfter;
  if (!isIssuers || link.notAfter <= act.at)
    return refuse(
      `The cross-certificate is not one of ${issuer.authority}, generation ${issuer.number}, or it has ended.`,
    );
  await verifyReadBack(link.der, link);
  const { intentId } = await ca.links.recordLinkIntent(act, ca.runId, {
    fleetId: fleet.id,
    subjectId: subject.id,
    issuerId: issuer.id,
    profile: LINK_PROFILE.name,
    profileDigest: linkProfileDigest,
    keyDigest: link.publicKey.digest,
    serial: link.serial,
    tbsDigest: sha256(link.tbs),
    notBefore: link.notBefore,
    notAfter: link.notAfter,
  });
  return ca.links.recordLinkIssued(act, ca.runId, intentId, link.der);
}
