import {
  type ForeignCertificate,
  type ForeignCrl,
  foreignKeyUsage,
  isCrlSignedBy,
  revokedAt,
} from '../x509/index.ts';
import { type Finding, fail, warn } from './finding.ts';
import { minute } from './judge-dates.ts';
import { nameOf } from './judge-purposes.ts';

/** A hook that runs at every third of a CRL's life never lets less than this part of it be left. */
const LEAST_LEFT = 1 / 3;

export const maySignCrls = (ca: ForeignCertificate): boolean =>
  foreignKeyUsage(ca)?.includes('cRLSign') ?? true;

/** Of several by one issuer OpenSSL takes one that holds now, and among these the newest. */
function pickCrl(ca: ForeignCertificate, crls: readonly ForeignCrl[], now: Date): ForeignCrl | undefined {
  const own = crls
    .filter(({ issuer, isDelta }) => !isDelta && Buffer.compare(issuer.der, ca.subject.der) === 0)
    .toSorted((a, b) => b.thisUpdate.getTime() - a.thisUpdate.getTime());
  const holds = ({ thisUpdate, nextUpdate }: ForeignCrl): boolean =>
    thisUpdate <= now && (nextUpdate === null || now <= nextUpdate);
  return own.find(holds) ?? own[0];
}

function dateFinding({ thisUpdate, nextUpdate }: ForeignCrl, name: string, now: Date): Finding | undefined {
  if (thisUpdate > now)
    return fail(
      'crl-not-yet-valid',
      null,
      `The CRL of ${name} is not valid before ${minute(thisUpdate)}: a gateway that reads it refuses every device (error 11, alert 42).`,
    );
  if (nextUpdate === null) return undefined;
  if (now > nextUpdate)
    return fail(
      'crl-expired',
      null,
      `The CRL of ${name} ran out on ${minute(nextUpdate)}: a gateway that reads it refuses every device (error 12, alert 45).`,
    );
  const whole = nextUpdate.getTime() - thisUpdate.getTime();
  const left = nextUpdate.getTime() - now.getTime();
  const hours = Math.floor(whole / 3 / 3_600_000);
  return left < whole * LEAST_LEFT
    ? warn(
        'crl-ends-soon',
        null,
        `The CRL of ${name} runs out on ${minute(nextUpdate)}, and then the whole fleet is refused: the gateway's hook did not run within a third of its life (${hours} h).`,
      )
    : undefined;
}

/** The CRL of a CA by itself, as the gateway finds it. */
export function judgeCrl(ca: ForeignCertificate, crls: readonly ForeignCrl[], now: Date): readonly Finding[] {
  const name = nameOf(ca);
  const crl = pickCrl(ca, crls, now);
  if (crl === undefined)
    return [
      fail(
        'crl-missing',
        null,
        `There is no CRL of ${name}; a gateway that has any wants one of each CA in the chain (error 3, alert 48).`,
      ),
    ];
  if (!maySignCrls(ca))
    return [
      fail(
        'crl-issuer-may-not-sign',
        null,
        `There is a CRL of ${name}, whose keyUsage lacks cRLSign: OpenSSL refuses every device under it (error 35).`,
      ),
    ];
  const dates = dateFinding(crl, name, now);
  const isBroken = isCrlSignedBy(crl, ca) === false;
  return [
    ...(dates ? [dates] : []),
    ...(isBroken
      ? [
          fail(
            'crl-broken',
            null,
            `The CRL of ${name} does not carry its signature: another CA of this name made it (error 8, alert 51).`,
          ),
        ]
      : []),
  ];
}

function revokedFinding(
  certificate: ForeignCertificate,
  isLeaf: boolean,
  crl: ForeignCrl | undefined,
): readonly Finding[] {
  const since = crl && revokedAt(crl, certificate);
  if (!since) return [];
  const says = `was revoked on ${minute(since)} (error 23, alert 44)`;
  return [
    isLeaf
      ? fail('leaf-revoked', null, `The certificate of the device ${says}.`)
      : fail('ca-revoked', null, `The CA ${nameOf(certificate)} ${says}: every device under it is refused.`),
  ];
}

/** A path against the CRLs of a gateway, as nginx has OpenSSL look: every certificate, the root included. */
export function judgeCrls(
  path: readonly ForeignCertificate[],
  crls: readonly ForeignCrl[],
  now: Date,
): readonly Finding[] {
  if (crls.length === 0) return [];
  return path.flatMap((certificate, i) => {
    const issuer = path[i + 1] ?? certificate;
    return [
      ...(i > 0 ? judgeCrl(certificate, crls, now) : []),
      ...revokedFinding(certificate, i === 0, pickCrl(issuer, crls, now)),
    ];
  });
}
