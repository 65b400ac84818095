import { setTimeout as sleep } from 'node:timers/promises';
import { PkiError } from '../../errors.ts';
import type { Edge, OpenRoute } from '../edge.ts';
import { type Request, type Response, sendJson } from '../web.ts';

/** A store that takes longer to read one row, or to write nothing, is not ready for anything. */
const STORE_PATIENCE_MS = 2_000;

async function verifyStoreAnswers(edge: Edge): Promise<void> {
  const patience = new AbortController();
  const late = sleep(STORE_PATIENCE_MS, undefined, { signal: patience.signal }).then(() => {
    throw new PkiError('storage-unavailable', 'The database did not answer in time.');
  });
  try {
    const { ledger } = edge.ca;
    await Promise.race([Promise.all([ledger.listFleets('', 1), ledger.verifyWritable()]), late]);
  } finally {
    patience.abort();
    await late.catch(() => undefined);
  }
}

function showHealth(_edge: Edge, _req: Request, res: Response): void {
  res.set('Cache-Control', 'no-store');
  sendJson(res, 200, { status: 'alive' });
}

async function showReadiness(edge: Edge, _req: Request, res: Response): Promise<void> {
  if (edge.isClosing()) throw new PkiError('busy', 'The service is ending.');
  await verifyStoreAnswers(edge);
  const restoration = await edge.ca.restorations.findRestoration();
  if (restoration && restoration.settledAt === null) {
    throw new PkiError(
      'restoration-not-settled',
      'The database was put back from a copy, and nothing is signed until that is settled: fleetca backup settle.',
    );
  }
  const problem = edge.tokenProblem();
  if (problem) throw problem;
  res.set('Cache-Control', 'no-store');
  sendJson(res, 200, { status: 'ready' });
}

export const operationRoutes: readonly OpenRoute[] = [
  { method: 'get', path: '/healthz', handle: showHealth },
  { method: 'get', path: '/readyz', handle: showReadiness },
];
