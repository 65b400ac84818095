import { X509Certificate } from 'node:crypto';
import type { ForeignCertificate } from '../x509/index.ts';
import { isSameCertificate } from './build-chain.ts';
import type { Parts } from './find-parts.ts';
import { type Finding, fail, note, warn } from './finding.ts';
import { day, endsSoon } from './judge-dates.ts';
import { nameOf } from './judge-purposes.ts';
import { settingOf } from './read-configuration.ts';

function missing({ configuration, forAktualizr }: Parts): readonly Finding[] {
  if (settingOf(configuration?.configuration ?? null, 'import', 'tls_cacert_path') !== null) return [];
  const says = 'Nothing in the bundle tells by which root the device knows the gateway';
  return forAktualizr
    ? [fail('server-root-missing', null, `${says}: its handshake fails (curl error 60).`)]
    : [note('server-root-missing', null, `${says}: it needs that from elsewhere.`)];
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** The device judges the gateway's certificate by its own clock, which may never have been set. */
function clockFinding(live: readonly ForeignCertificate[], file: string, now: Date): readonly Finding[] {
  const fresh = live.every(({ notBefore }) => now.getTime() - notBefore.getTime() < DAY_MS);
  return fresh
    ? [
        note(
          'clock-at-first-boot',
          file,
          'It is valid for less than a day yet: a device whose clock stands behind trusts no gateway.',
        ),
      ]
    : [];
}

/** Several may stand there; one that is good is enough. */
function dates(roots: readonly ForeignCertificate[], file: string, now: Date): readonly Finding[] {
  const live = roots.filter(({ notBefore, notAfter }) => now >= notBefore && now <= notAfter);
  if (live.length > 0) {
    const last = live.reduce((a, b) => (a.notAfter > b.notAfter ? a : b));
    return [
      ...(endsSoon(last.notAfter, now)
        ? [
            warn(
              'server-root-ends-soon',
              file,
              `${nameOf(last)} ends on ${day(last.notAfter)}, and no other is there.`,
            ),
          ]
        : []),
      ...clockFinding(live, file, now),
    ];
  }
  const [first] = roots.filter(({ notBefore }) => now < notBefore);
  return first
    ? [
        fail(
          'server-root-not-yet-valid',
          file,
          `${nameOf(first)} is not valid before ${day(first.notBefore)}.`,
        ),
      ]
    : [
        fail(
          'server-root-expired',
          file,
          `All that is in it has expired: the device trusts no gateway (curl error 60).`,
        ),
      ];
}

function kinds(
  roots: readonly ForeignCertificate[],
  file: string,
  chain: readonly ForeignCertificate[],
): readonly Finding[] {
  const fleets = roots.find((root) => chain.some((ca) => isSameCertificate(ca, root)));
  return [
    ...roots
      .filter(({ der }) => !new X509Certificate(der).ca)
      .map((one) =>
        warn(
          'server-root-is-leaf',
          file,
          `${nameOf(one)} is no CA but a server's own certificate: it is trusted for itself alone.`,
        ),
      ),
    ...(fleets
      ? [
          warn(
            'server-root-is-fleet-root',
            file,
            `${nameOf(fleets)} is also the CA of this device: the two roots are rarely the same, and often mixed up.`,
          ),
        ]
      : []),
  ];
}

/** What the device will know the gateway by. `chain`: the path above the device's own certificate. */
export function judgeServerRoot(
  parts: Parts,
  chain: readonly ForeignCertificate[],
  now: Date,
): readonly Finding[] {
  const { serverRoot: file } = parts;
  if (file === null) return missing(parts);
  if (file.fault !== null) return [];
  if (file.certificates.length === 0)
    return [
      fail(
        'server-root-empty',
        file.path,
        `There is no certificate in it but ${file.holds}: the device trusts no gateway (curl error 77 or 60).`,
      ),
    ];
  if (file.form === 'der') return [fail('server-root-der', file.path, 'It is in DER; the client reads PEM.')];
  return [...dates(file.certificates, file.path, now), ...kinds(file.certificates, file.path, chain)];
}
