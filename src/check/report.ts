import { type CheckCode, MEANINGS, type Side } from './codes.ts';
import type { Finding } from './finding.ts';

/** What there is to do about a finding. */
export interface Advice {
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
  /** What the device, the gateway and the server behind it would do, a sentence each. */
  readonly outcome: Readonly<Record<'device' | 'gateway' | 'server', string>>;
  readonly deviceId: string | null;
  readonly files: readonly JudgedFile[];
  readonly findings: readonly Finding[];
  readonly advice: readonly Advice[];
}

const ORDER = { fail: 0, warn: 1, note: 2 } as const;

/** The worst first, else as they were found. */
export const sorted = (findings: readonly Finding[]): readonly Finding[] =>
  findings.toSorted((a, b) => ORDER[a.severity] - ORDER[b.severity]);

/** Notes ask for nothing. */
export const adviceOf = (findings: readonly Finding[]): readonly Advice[] =>
  [...new Set(findings.filter(({ severity }) => severity !== 'note').map(({ code }) => code))].map(
    (code) => ({
      code,
      todo: MEANINGS[code].todo,
    }),
  );

export const firstFail = (findings: readonly Finding[], side: Side): Finding | undefined =>
  findings.find(({ code, severity }) => severity === 'fail' && MEANINGS[code].side === side);

export const verdictOf = (findings: readonly Finding[]): CheckReport['verdict'] =>
  findings.some(({ severity }) => severity === 'fail') ? 'fail' : 'pass';
