import { setTimeout as sleep } from 'node:timers/promises';
import { persist } from '../client/backoff.ts';
import { type Client, withClient } from '../client/client.ts';
import type { ExitStatus } from '../exit-status.ts';
import { interruptible } from '../interruptible.ts';
import type { Invocation } from '../invocation.ts';
import { show } from '../output.ts';
import { startProgress } from '../progress-bar.ts';
import { persistenceOf, type RetryOptions } from '../retrying.ts';
import { formatFields, formatTable } from '../table.ts';
import { type Batch, getBatch, statusOfBatch } from './batch-record.ts';

const POLL_MS = 1000;

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

/** Asks again and again until the last attempt has ended. */
async function waitForEnd(
  client: Client,
  { output }: Invocation,
  id: string,
  options: RetryOptions,
  signal: AbortSignal,
): Promise<Batch> {
  const bar = startProgress(output, null, false);
  try {
    for (;;) {
      const persistence = persistenceOf(options, output, signal);
      const batch = await persist(
        () => getBatch(client, id),
        persistence,
        () => false,
      );
      const { rows = 0, refused = 0 } = batch.attempts.at(-1) ?? {};
      bar.show({ done: rows, refused });
      if (batch.state !== 'receiving') return batch;
      await sleep(POLL_MS, undefined, { signal });
    }
  } finally {
    bar.stop();
  }
}

/** `batch status`. With `--wait` the exit status is that of the lot. */
export async function showBatch(
  invocation: Invocation,
  id: string,
  { wait, ...options }: RetryOptions & { readonly wait?: true },
): Promise<ExitStatus | undefined> {
  const { output } = invocation;
  if (!wait) {
    await show(output, await withClient(invocation, (client) => getBatch(client, id)), batchLines);
    return undefined;
  }
  const batch = await interruptible(
    (signal) => withClient(invocation, (client) => waitForEnd(client, invocation, id, options, signal)),
    () => ({
      message: 'The waiting was stopped; the lot goes on.',
      hint: `fleetca batch status ${id} --wait`,
    }),
  );
  await show(output, batch, batchLines);
  return statusOfBatch(batch);
}
