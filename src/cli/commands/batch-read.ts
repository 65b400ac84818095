import { type Client, segment, withClient } from '../client/client.ts';
import { callJson } from '../client/json.ts';
import { readLines } from '../client/lines.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
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
  readonly after?: number;
  readonly limit?: number;
  readonly attempt?: number;
}

/** Passes outcomes on as they come, and gives the cursor. Rejects with `cut-off` where it is missing. */
async function passOn(client: Client, output: Output, id: string, wish: ResultsWish): Promise<number> {
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

/** `batch results`: what became of the rows, from a position on. */
export async function readResults(invocation: Invocation, id: string, wish: ResultsWish): Promise<undefined> {
  const { output } = invocation;
  const next = await withClient(invocation, (client) => passOn(client, output, id, wish));
  if (!output.json) output.say(`For what comes later: --after ${next}`);
}
