import { type ForeignCertificate, formatName } from '../x509/index.ts';
import { type CheckCode, MEANINGS, type Side } from './codes.ts';
import type { Finding } from './finding.ts';

/** What there is to do about a finding. */
interface Advice {
  readonly code: CheckCode;
  readonly todo: string;
}

/** A file, and what it was taken for. */
export interface JudgedFile {
  readonly path: string;
  readonly octets: number;
  readonly role: 'certificate' | 'key' | 'server-root' | 'url' | 'configuration' | 'other';
}

/** What would happen. Nothing in it is a secret. */
export interface CheckReport {
  readonly verdict: 'pass' | 'fail';
  /** The whole in a sentence. */
  readonly headline: string;
  /** Who would do what, a sentence each. */
  readonly outcome: Readonly<Record<string, string>>;
  readonly deviceId: string | null;
  readonly files: readonly JudgedFile[];
  /** The worst first. */
  readonly findings: readonly Finding[];
  readonly advice: readonly Advice[];
}

const ORDER = { fail: 0, warn: 1, note: 2 } as const;

const sorted = (findings: readonly Finding[]): readonly Finding[] =>
  findings.toSorted((a, b) => ORDER[a.severity] - ORDER[b.severity]);

/** Notes ask for nothing. */
const adviceOf = (findings: readonly Finding[]): readonly Advice[] =>
  [...new Set(findings.filter(({ severity }) => severity !== 'note').map(({ code }) => code))].map(
    (code) => ({ code, todo: MEANINGS[code].todo }),
  );

const firstFail = (findings: readonly Finding[], side: Side): Finding | undefined =>
  findings.find(({ code, severity }) => severity === 'fail' && MEANINGS[code].side === side);

const countOf = (findings: readonly Finding[], severity: Finding['severity'], word: string): string => {
  const count = findings.filter((one) => one.severity === severity).length;
  return count === 1 ? `1 ${word}` : `${count} ${word}s`;
};

/** A report about things that no device is handed: a root, a fleet. */
export function plainReport(
  what: { readonly pass: string; readonly fail: string },
  outcome: CheckReport['outcome'],
  findings: readonly Finding[],
): CheckReport {
  const verdict = findings.some(({ severity }) => severity === 'fail') ? 'fail' : 'pass';
  const counted =
    verdict === 'fail' ? countOf(findings, 'fail', 'fault') : countOf(findings, 'warn', 'warning');
  return {
    verdict,
    headline: `${what[verdict]}${counted.startsWith('0 ') ? '' : `, with ${counted}`}.`,
    outcome,
    deviceId: null,
    files: [],
    findings: sorted(findings),
    advice: adviceOf(sorted(findings)),
  };
}

/** What a report about a bundle is made of. */
export interface BundleFacts {
  readonly deviceId: string | null;
  readonly files: readonly JudgedFile[];
  readonly presented: readonly ForeignCertificate[];
  readonly findings: readonly Finding[];
}

function outcomeOf({ findings, presented, deviceId }: BundleFacts): CheckReport['outcome'] {
  const device = firstFail(findings, 'device');
  const gateway = firstFail(findings, 'gateway');
  const server = firstFail(findings, 'server');
  const sends = presented.map(({ subject }) => formatName(subject)).join(', then ');
  const unsure = findings.some(({ code }) => code === 'trust-unknown') && !wasLetIn(findings);
  const letsIn = `It lets the device in${deviceId === null ? '' : ` as ${deviceId}`}${unsure ? ', if it trusts this chain' : ''}.`;
  return {
    device: device ? device.message : `It connects, and presents ${sends}.`,
    gateway: gateway?.message ?? (device ? 'It may never be called.' : letsIn),
    server: server?.message ?? (device || gateway ? 'It hears nothing.' : 'It takes the device for that.'),
  };
}

const wasLetIn = (findings: readonly Finding[]): boolean =>
  findings.some(({ code }) => code === 'gateway-accepts');

const SIDES = [
  ['device', 'the device will not come online: its own side fails'],
  ['gateway', 'the gateway will refuse the device'],
  ['server', 'the device will come through to a server that does not know what to do with it'],
  ['nobody', 'the bundle must not go out: it holds what no device may have'],
] as const;

function headlineOf({ findings, deviceId }: BundleFacts): string {
  const who = deviceId === null ? '' : `${deviceId}: `;
  const failed = SIDES.find(([side]) => firstFail(findings, side) !== undefined);
  if (failed !== undefined) return `${who}${failed[1]}.`;
  const counted = countOf(findings, 'warn', 'warning');
  return `${who}the device will come online${counted.startsWith('0 ') ? '' : `, with ${counted}`}.`;
}

/** A report about a bundle. */
export function bundleReport(facts: BundleFacts): CheckReport {
  const findings = sorted(facts.findings);
  const whole = { ...facts, findings };
  return {
    verdict: findings.some(({ severity }) => severity === 'fail') ? 'fail' : 'pass',
    headline: headlineOf(whole),
    outcome: outcomeOf(whole),
    deviceId: facts.deviceId,
    files: facts.files,
    findings,
    advice: adviceOf(findings),
  };
}
