import { segment, withClient } from '../client/client.ts';
import { callJson } from '../client/json.ts';
import { EXIT, type ExitStatus } from '../exit-status.ts';
import type { Invocation } from '../invocation.ts';
import { show } from '../output.ts';
import { formatFields, formatTable } from '../table.ts';
import { type InFleet, pathOf } from './authority.ts';

interface Rehearsal {
  readonly authority: string;
  readonly generation: number;
  readonly step: string;
  readonly verdict: 'go' | 'no-go';
  readonly changes: readonly { readonly generation: number; readonly from: string; readonly to: string }[];
  readonly certificates: number;
  readonly outliving: number;
  readonly servers: readonly {
    readonly name: string;
    readonly kind: string;
    readonly state: string | null;
  }[];
  readonly missingLinks: readonly string[];
  readonly tokenDevices: number;
  readonly daysToLatestStart: number | null;
  readonly findings: readonly {
    readonly severity: string;
    readonly code: string;
    readonly count: number | null;
    readonly message: string;
  }[];
}

function rehearsalLines(one: Rehearsal): string {
  const confirmed = one.servers.filter(({ state }) => state === 'confirmed').length;
  const facts = formatFields([
    ['step', `${one.step} ${one.authority}, generation ${one.generation}`],
    ['verdict', one.verdict === 'go' ? 'GO' : 'NO-GO'],
    [
      'changes',
      one.changes.map((c) => `generation ${c.generation}: ${c.from} to ${c.to}`).join('; ') || null,
    ],
    ['certificates that stand', one.certificates],
    ['of them beyond the new end', one.outliving],
    ['devices that send their leaf alone', one.tokenDevices],
    [
      'servers that confirmed the root',
      one.servers.length === 0 ? null : `${confirmed} of ${one.servers.length}`,
    ],
    ['links that are missing', one.missingLinks.join(', ') || null],
    ['days until it must have begun', one.daysToLatestStart],
  ]);
  if (one.findings.length === 0) return facts;
  return `${facts}\n${formatTable(
    ['SEVERITY', 'CODE', 'COUNT', ''],
    one.findings.map(({ severity, code, count, message }) => [severity, code, count, message]),
  )}`;
}

/** `rotate rehearse`. A no-go is 3, as a check that failed. */
export async function rehearse(
  invocation: Invocation,
  authority: string,
  { fleet, generation, step }: InFleet & { readonly generation: number; readonly step: string },
): Promise<ExitStatus> {
  const path = `${pathOf({ fleet })}/${segment(authority)}/generations/${generation}/rehearsal`;
  const told = await withClient(invocation, (client) =>
    callJson<Rehearsal>(client, { method: 'GET', path, query: { step } }),
  );
  await show(invocation.output, told, rehearsalLines);
  return told.verdict === 'go' ? EXIT.done : EXIT.refusedByPolicy;
}
