import { type Client, segment, withClient } from '../client/client.ts';
import { callJson } from '../client/json.ts';
import { readLines } from '../client/lines.ts';
import { saveFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { bundlesFor } from '../lot-type.ts';
import { outcomeLine, parseLine } from '../outcome.ts';
import { type Output, show } from '../output.ts';
import { formatFields, formatTable } from '../table.ts';

interface Batch {
  readonly id: string;
  readonly fleet: string;
  readonly profile: string | null;
  readonly authority: string | null;
  readonly createdAt: string;
  readonly state: string;
  readonly attempts: readonly {
    readonly number: number;
    readonly state: string;
    readonly rows: number;
    readonly issued: number;
    readonly replayed: number;
    readonly refused: number;
    readonly failed: number;
    readonly startedAt: string;
    readonly endedAt: string | null;
  }[];
}

const pathOf = (id: string): string => `/v1/batches/${segment(id)}`;

const batchLines = ({ id, fleet, profile, authority, state, createdAt, attempts }: Batch): string => {
  const fields = formatFields([
    ['batch', id],
    ['fleet', fleet],
    ['state', state],
    ['profile', profile ?? 'default'],
    ['authority', authority ?? 'default'],
    ['created', createdAt],
  ]);
  const headings = [
    'ATTEMPT',
    'STATE',
    'ROWS',
    'ISSUED',
    'REPLAYED',
    'REFUSED',
    'FAILED',
    'STARTED',
    'ENDED',
  ];
  const rows = attempts.map((a) => [
    a.number,
    a.state,
    a.rows,
    a.issued,
    a.replayed,
    a.refused,
    a.failed,
    a.startedAt,
    a.endedAt,
  ]);
  return `${fields}\n${formatTable(headings, rows)}`;
};

/** `batch status`. */
export async function showBatch(invocation: Invocation, id: string): Promise<undefined> {
  const call = { method: 'GET', path: pathOf(id) } as const;
  const batch = await withClient(invocation, (client) => callJson<Batch>(client, call));
  await show(invocation.output, batch, batchLines);
}

interface ResultsWish {
  readonly format?: 'ndjson' | 'csv';
  readonly after?: number;
  readonly limit?: number;
  readonly attempt?: number;
}

type Wish = Omit<ResultsWish, 'format'>;

/** Passes outcomes on as they come, and gives the cursor. Rejects with `cut-off` where it is missing. */
async function passOn(client: Client, output: Output, id: string, wish: Wish): Promise<number> {
  const answer = await client.send({ method: 'GET', path: `${pathOf(id)}/results`, query: { ...wish } });
  let last = wish.after ?? 0;
  for await (const line of readLines(client.read(answer))) {
    const parsed = parseLine(line);
    if (output.json) await output.data(`${line}\n`);
    if ('next' in parsed) return parsed.next;
    if (!('row' in parsed)) continue;
    if (!output.json) await output.data(outcomeLine(parsed, null));
    last = parsed.seq ?? last;
  }
  throw new LocalFailure('cut-off', 'The answer ended before its end.', {
    hint: `go on with --after ${last}`,
  });
}

/** CSV as the service writes it. */
async function passCsv(client: Client, output: Output, id: string, wish: Wish): Promise<void> {
  const call = { method: 'GET', path: `${pathOf(id)}/results`, query: { ...wish } } as const;
  const answer = await client.send({ ...call, headers: { Accept: 'text/csv' } });
  for await (const piece of client.read(answer)) await output.data(piece);
}

/** `batch results`: what became of the rows, from a position on. */
export async function readResults(
  invocation: Invocation,
  id: string,
  { format, ...wish }: ResultsWish,
): Promise<undefined> {
  const { output } = invocation;
  if (format === 'csv') {
    await withClient(invocation, (client) => passCsv(client, output, id, wish));
    return;
  }
  const next = await withClient(invocation, (client) => passOn(client, output, id, wish));
  if (!output.json) output.say(`For what comes later: --after ${next}`);
}

/** `batch bundles`: the credentials of all devices of a lot, in the form that the file's name says. */
export async function fetchBundles(
  invocation: Invocation,
  id: string,
  { out }: { readonly out: string },
): Promise<undefined> {
  const { output } = invocation;
  const path = `${pathOf(id)}/${bundlesFor(out)}`;
  await withClient(invocation, async (client) => {
    const answer = await client.send({ method: 'GET', path });
    await saveFile(out, 0o600, client.read(answer));
  });
  await show(output, { batch: id, out }, () => '');
  if (!output.json) output.say(`The bundles of ${id}: ${out}`);
}
