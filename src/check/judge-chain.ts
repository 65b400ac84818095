import { OID, oidName } from '../asn1/index.ts';
import {
  type ForeignCertificate,
  type ForeignCrl,
  foreignBasicConstraints,
  formatName,
  isForeignSignedBy,
} from '../x509/index.ts';
import { type BuiltChain, buildChain, isIssuerName, isSelfIssuedName, type Trust } from './build-chain.ts';
import { type Finding, fail, note, warn } from './finding.ts';
import { judgeCrls } from './judge-crls.ts';
import { judgeDates } from './judge-dates.ts';
import { judgePurposes, nameOf } from './judge-purposes.ts';
import { judgeStrictly } from './judge-strictly.ts';

/** Digests that OpenSSL's security level 1 refuses in a chain, which is what TLS libraries start from. */
const WEAK: ReadonlySet<string> = new Set([
  OID.md2WithRsaEncryption,
  OID.md5WithRsaEncryption,
  OID.sha1WithRsaEncryption,
  OID.sha1WithRsaOiw,
  OID.ecdsaWithSha1,
]);

const TRUST_UNKNOWN = note(
  'trust-unknown',
  null,
  'What the gateway trusts is not known here: whether it takes this chain is not judged.',
);

/** What is known beside what is presented. */
export interface Surroundings {
  readonly trust: Trust;
  /** Certificates that lie in the bundle and are not presented. */
  readonly known: readonly ForeignCertificate[];
  /** What the gateway looks up whom it trusts in; none: it does not. */
  readonly crls: readonly ForeignCrl[];
  readonly now: Date;
}

function endFinding({ path, end }: BuiltChain, around: Surroundings): Finding | undefined {
  const last = path.at(-1) as ForeignCertificate;
  if (path.length === 1 && isSelfIssuedName(last) && (end === 'self-signed' || around.trust === null))
    return fail('self-signed', null, 'It is signed by its own key and not by a CA (error 18, alert 48).');
  switch (end) {
    case 'self-signed':
      return fail(
        'untrusted',
        null,
        `The chain ends in ${nameOf(last)}, which the gateway does not trust (error 19, alert 48).`,
      );
    case 'no-root':
      return fail(
        'gateway-lacks-root',
        null,
        `The gateway trusts ${nameOf(last)} and not the CA above it (error 2, alert 48).`,
      );
    case 'no-issuer':
      return around.trust === null ? undefined : noIssuer(path, around);
    case 'anchored':
      return undefined;
  }
}

/** Which of three it is: an intermediate that was left out, a CA that nobody here knows, or another fleet's chain. */
function noIssuer(path: readonly ForeignCertificate[], { trust, known }: Surroundings): Finding {
  const last = path.at(-1) as ForeignCertificate;
  const missing = known.find((one) => isIssuerName(one, last) && isForeignSignedBy(last, one));
  const trusted = trust?.map(nameOf).join('; ') || 'nothing';
  const says = '"unable to get local issuer certificate" (error 20, alert 48)';
  if (missing !== undefined) {
    return fail(
      'chain-incomplete',
      null,
      `${nameOf(missing)} issued ${nameOf(last)}, is no root, and is not presented: ${says}. The gateway trusts ${trusted}.`,
    );
  }
  return path.length === 1
    ? fail(
        'issuer-unknown',
        null,
        `The gateway trusts ${trusted}, and not ${formatName(last.issuer)}, which issued it: ${says}.`,
      )
    : fail(
        'untrusted',
        null,
        `The chain leads to ${formatName(last.issuer)}, and the gateway trusts ${trusted}: ${says}.`,
      );
}

function linkFaults(path: readonly ForeignCertificate[]): readonly Finding[] {
  return path.flatMap((certificate, i) => {
    const issuer = path[i + 1];
    if (issuer === undefined || isForeignSignedBy(certificate, issuer)) return [];
    return [
      fail(
        'chain-broken',
        null,
        `${nameOf(certificate)} does not carry the signature of ${nameOf(issuer)} (error 7, alert 51; error 20 where key identifiers tell them apart).`,
      ),
    ];
  });
}

/** A root's own signature proves nothing and is not looked at. */
const weakSignatures = (path: readonly ForeignCertificate[]): readonly Finding[] =>
  path
    .filter((one) => WEAK.has(one.signatureOid) && !isSelfIssuedName(one))
    .map((one) =>
      fail(
        'weak-signature',
        null,
        `${nameOf(one)} is signed with ${oidName(one.signatureOid)}, whose digest is broken (error 68).`,
      ),
    );

/** As measured with aktualizr: the first certificate is the device's, whatever follows. */
function orderFinding([first, ...rest]: readonly ForeignCertificate[]): Finding | undefined {
  if (first === undefined || foreignBasicConstraints(first)?.ca !== true) return undefined;
  const later = rest.find((one) => foreignBasicConstraints(one)?.ca !== true);
  return (
    later &&
    fail(
      'chain-order',
      null,
      `A CA, ${nameOf(first)}, stands before the device's certificate, ${nameOf(later)}.`,
    )
  );
}

function remainder(
  { path, strangers }: BuiltChain,
  presented: readonly ForeignCertificate[],
): readonly Finding[] {
  const root = path.find((one, i) => i > 0 && isSelfIssuedName(one));
  const sent = root !== undefined && presented.some(({ der }) => Buffer.compare(der, root.der) === 0);
  return [
    ...(sent
      ? [
          note(
            'chain-root-included',
            null,
            `The root, ${nameOf(root)}, is presented as well; gateways pass it over.`,
          ),
        ]
      : []),
    ...strangers.map((one) =>
      warn(
        'chain-stranger',
        null,
        `${nameOf(one)} is presented and no part of the chain, or a second time: OpenSSL passes it over, stricter gateways do not.`,
      ),
    ),
  ];
}

export interface JudgedChain {
  readonly built: BuiltChain;
  readonly findings: readonly Finding[];
}

/**
 * Judges what a device presents, as a gateway on OpenSSL does, for a client, at a moment. The findings come
 * in the order in which OpenSSL looks: the end of the path, purposes, strength, signatures, dates, CRLs.
 */
export function judgeChain(presented: readonly ForeignCertificate[], around: Surroundings): JudgedChain {
  const built = buildChain(presented, around.trust);
  const order = orderFinding(presented);
  // What follows would speak of the wrong certificate.
  if (order !== undefined) return { built, findings: [order] };
  const { path } = built;
  const findings = [
    around.trust === null ? TRUST_UNKNOWN : undefined,
    endFinding(built, around),
    ...judgePurposes(path),
    ...weakSignatures(path),
    ...linkFaults(path),
    ...judgeDates(path, around.now),
    ...(built.end === 'anchored' ? judgeCrls(path, around.crls, around.now) : []),
    ...remainder(built, presented),
    ...judgeStrictly(path),
  ];
  return { built, findings: findings.filter((one) => one !== undefined) };
}
