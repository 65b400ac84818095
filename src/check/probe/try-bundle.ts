import type { Clock } from '../../clock.ts';
import type { Random } from '../../random.ts';
import { encodeCertificatePem, type ForeignCertificate } from '../../x509/index.ts';
import type { JudgedBundle } from '../check-bundle.ts';
import { MEANINGS } from '../codes.ts';
import { type Finding, note } from '../finding.ts';
import { judgeGateway, judgeOwn } from '../judge-gateway.ts';
import { bundleReport, type CheckReport } from '../report.ts';
import type { Call } from './handshake.ts';
import { withLocalGateway } from './local-gateway.ts';
import { callAsDevice, probeGateway } from './probe-gateway.ts';

export interface Surroundings {
  readonly clock: Pick<Clock, 'now'>;
  readonly random: Random;
}

const pem = (certificates: readonly ForeignCertificate[]): string =>
  certificates.map(({ der }) => encodeCertificatePem(der)).join('');

const NOT_TRIED: Finding = note(
  'handshake-not-tried',
  null,
  "No handshake was tried with the device's credentials: they are not here, or cannot be used.",
);

/** What the device presents and signs with; null where it could not either. */
function credentialsOf({ facts, parts, presented }: JudgedBundle): Call['credentials'] {
  const key = parts.key?.key?.object;
  const isBroken = facts.findings.some(
    ({ code, severity }) =>
      severity === 'fail' && code.startsWith('key-') && MEANINGS[code].side === 'device',
  );
  if (!key || isBroken || presented.length === 0) return null;
  return { key: key.export({ type: 'pkcs8', format: 'pem' }).toString(), chain: pem(presented) };
}

const withMore = ({ facts }: JudgedBundle, more: readonly Finding[]): CheckReport =>
  bundleReport({ ...facts, findings: [...facts.findings, ...more] });

/**
 * Calls a gateway with what the bundle holds, and adds what came of it. The server is trusted by the bundle's
 * root alone. An OTA server that takes unknown devices in takes this one in.
 */
export async function tryGateway(
  judged: JudgedBundle,
  url: URL,
  { clock, random, asksOpenssl = true }: Surroundings & { readonly asksOpenssl?: boolean },
): Promise<CheckReport> {
  const roots = judged.parts.serverRoot?.certificates ?? [];
  if (roots.length === 0) return withMore(judged, [NOT_TRIED]);
  const credentials = credentialsOf(judged);
  const probes = await probeGateway({
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 443 : Number(url.port),
    serverRoots: pem(roots),
    credentials,
    random,
    now: clock.now(),
    asksOpenssl,
  });
  const found = judgeGateway(probes, judged.presented);
  return withMore(judged, [...found, ...(credentials === null ? [NOT_TRIED] : [])]);
}

/** Lets a gateway on this machine judge, which trusts what the bundle's is to trust, where that is known. */
export async function tryLocally(judged: JudgedBundle, around: Surroundings): Promise<CheckReport> {
  const { trust, crls } = judged;
  if (trust === null || trust.length === 0) return judged.report;
  const credentials = credentialsOf(judged);
  if (credentials === null) return withMore(judged, [NOT_TRIED]);
  const calls = await withLocalGateway(trust, crls, around, (gateway) => callAsDevice(gateway, credentials));
  return withMore(judged, judgeOwn(calls, 'a gateway on this machine'));
}
