import type { CheckReport } from '../check/index.ts';
import { formatTable, printable } from './table.ts';

const TITLES = { fail: 'FAIL', warn: 'warn', note: 'note' } as const;

const section = (title: string, lines: readonly string[]): string =>
  lines.length === 0 ? '' : `\n${title}\n${lines.map((line) => `${printable(line)}\n`).join('')}`;

/** A report for a person: the verdict, then the reasons, then what to do. */
export function checkReportLines(report: CheckReport): string {
  const { verdict, headline, outcome, files, findings, advice } = report;
  return [
    `${verdict === 'pass' ? 'PASS' : 'FAIL'}  ${printable(headline)}\n`,
    section('What would happen', formatTable([], Object.entries(outcome)).trimEnd().split('\n')),
    section(
      'Why',
      findings.map(
        ({ code, severity, file, message }) =>
          `${TITLES[severity]}  ${code}${file === null ? '' : ` (${file})`}: ${message}`,
      ),
    ),
    section(
      'What to do',
      advice.map(({ code, todo }) => `${code}: ${todo}`),
    ),
    advice.length === 0 ? '' : 'More on each: fleetca check explain CODE\n',
    files.length === 0
      ? ''
      : `\nFiles\n${formatTable(
          [],
          files.map(({ path, role, octets }) => [path, role, octets]),
        )}`,
  ].join('');
}
