import { formatBars } from '../bars.ts';
import { type Client, segment, withClient } from '../client/client.ts';
import { callJson, readPages } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { formatTable } from '../table.ts';

interface Authority {
  readonly authority: string;
  readonly kind: string;
  readonly generation: number;
  readonly state: string;
  readonly notAfter: string;
  readonly certificates: number;
  readonly atItsEnd: number;
  readonly latestStart: string | null;
  readonly urgency: 'ok' | 'soon' | 'late';
  readonly ifNobody: readonly { readonly at: string; readonly what: string }[];
}

interface Forecast {
  readonly fleet: string;
  readonly at: string;
  readonly lifetimeDays: number;
  readonly months: readonly { readonly month: string; readonly certificates: number }[];
  readonly later: number;
  readonly authorities: readonly Authority[];
}

const BAR_COLUMNS = 40;

const day = (instant: string): string => instant.slice(0, 10);
const nameOf = ({ authority, generation }: Authority): string => `${authority} G${generation}`;

/** Months of nothing at the end say nothing. */
function picture({ months, later, authorities }: Forecast): string {
  const last = months.findLastIndex(
    ({ month, certificates }) =>
      certificates > 0 || authorities.some(({ notAfter }) => notAfter.startsWith(month)),
  );
  const shown = months.slice(0, Math.max(last + 1, 1));
  const rows = [
    ...shown.map(({ month, certificates }) => ({
      label: month,
      certificates,
      ends: authorities.filter(({ notAfter }) => notAfter.startsWith(month)).map(nameOf),
    })),
    ...(later > 0 ? [{ label: 'later', certificates: later, ends: [] }] : []),
  ];
  const bars = formatBars(
    rows.map(({ certificates }) => certificates),
    BAR_COLUMNS,
  );
  return formatTable(
    [],
    rows.map(({ label, certificates, ends }, i) => [
      label,
      certificates,
      `${bars[i] ?? ''}${ends.length > 0 ? ` end of ${ends.join(', ')}` : ''}`,
    ]),
  );
}

const table = ({ authorities }: Forecast): string =>
  formatTable(
    ['AUTHORITY', 'KIND', 'STATE', 'ENDS', 'CERTIFICATES', 'BEGIN ITS ROTATION BY', ''],
    authorities.map((one) => [
      nameOf(one),
      one.kind,
      one.state,
      day(one.notAfter),
      one.certificates,
      one.latestStart && day(one.latestStart),
      one.urgency === 'ok' ? '' : one.urgency,
    ]),
  );

const nobody = ({ authorities }: Forecast): string =>
  authorities
    .map(
      (one) =>
        `${nameOf(one)}\n${formatTable(
          [],
          one.ifNobody.map(({ at, what }) => [`  ${day(at)}`, what]),
        )}`,
    )
    .join('');

const forecastText = (forecast: Forecast): string =>
  [
    `Fleet ${forecast.fleet}: certificates by the month in which they end`,
    '',
    picture(forecast),
    table(forecast),
    `If nobody does anything (a certificate lives ${forecast.lifetimeDays} days):`,
    nobody(forecast),
  ].join('\n');

async function fleetNames(client: Client): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const page of readPages<{ readonly name: string }>(client, '/v1/fleets'))
    names.push(...page.map(({ name }) => name));
  return names;
}

/** `forecast`. */
export async function forecast(
  invocation: Invocation,
  { fleet }: { readonly fleet?: string },
): Promise<undefined> {
  const { output } = invocation;
  await withClient(invocation, async (client) => {
    for (const name of fleet === undefined ? await fleetNames(client) : [fleet]) {
      const path = `/v1/fleets/${segment(name)}/forecast`;
      const told = await callJson<Forecast>(client, { method: 'GET', path });
      await output.data(output.json ? `${JSON.stringify(told)}\n` : `${forecastText(told)}\n`);
    }
  });
}
