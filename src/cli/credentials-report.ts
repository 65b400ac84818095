import type { CredentialsReport } from '../bundle/index.ts';
import { formatFields, formatTable } from './table.ts';

const instant = (date: Date): string => date.toISOString().replace('.000Z', 'Z');

/** A report, for a person. */
export function reportLines({ works, entries, tools, certificates, findings }: CredentialsReport): string {
  const rows = (
    title: string,
    headings: readonly string[],
    cells: Parameters<typeof formatTable>[1],
  ): string => (cells.length === 0 ? '' : `\n${title}\n${formatTable(headings, cells)}`);
  return [
    formatFields([['credentials', works ? 'work' : 'DO NOT WORK']]),
    rows(
      'Entries',
      ['NAME', 'OCTETS', 'WHAT'],
      entries.map(({ name, octets, meaning, secret }) => [
        name,
        octets,
        `${meaning ?? 'not read by any tool'}${secret ? ' (secret)' : ''}`,
      ]),
    ),
    rows(
      'Tools',
      ['TOOL', 'STATE', 'LACKS', 'WHAT'],
      tools.map(({ tool, title, state, missing }) => [tool, state, missing.join(', ') || null, title]),
    ),
    rows(
      'Certificates',
      ['ENTRY', 'ROLE', 'SUBJECT', 'UNTIL', 'SHA-256'],
      certificates.map(({ entry, role, subject, notAfter, sha256 }) => [
        entry,
        role,
        subject,
        instant(notAfter),
        sha256,
      ]),
    ),
    rows(
      'Findings',
      [],
      findings.map(({ severity, entry, message }) => [severity, entry, message]),
    ),
  ].join('');
}
