import { withClient } from '../client/client.ts';
import { readPages } from '../client/json.ts';
import type { Invocation } from '../invocation.ts';
import { showList } from '../list.ts';

interface BatchEntry {
  readonly id: string;
  readonly fleet: string;
  readonly token: string;
  readonly state: string;
  readonly attempt: number;
  readonly rows: number;
  readonly issued: number;
  readonly refused: number;
  readonly failed: number;
  readonly startedAt: string;
  readonly changedAt: string;
  readonly rowsPerSecond: number | null;
}

interface BatchFilters {
  readonly state?: string;
  readonly fleet?: string;
  readonly station?: string;
}

/** `batch list`: newest first, with how far each is. */
export async function listBatches(
  invocation: Invocation,
  { state, fleet, station }: BatchFilters,
): Promise<undefined> {
  const query = { state, fleet, token: station };
  await withClient(invocation, (client) =>
    showList(invocation.output, readPages<BatchEntry>(client, '/v1/batches', undefined, query), {
      headings: [
        ...['BATCH', 'FLEET', 'STATION', 'STATE', 'ROWS', 'ISSUED', 'REFUSED', 'FAILED', 'ROWS/S'],
        ...['STARTED', 'LAST CHANGE'],
      ],
      cells: (batch) => [
        ...[batch.id, batch.fleet, batch.token, batch.state, batch.rows, batch.issued, batch.refused],
        ...[batch.failed, batch.rowsPerSecond, batch.startedAt, batch.changedAt],
      ],
    }),
  );
}
