/** One core of the ceiling: the same program as a worker thread and as a child process. */
import { parentPort, workerData } from 'node:worker_threads';
import { makeMaterial, paceOf, quickerImport, verifyAndSign, wholeCycle } from './ceiling-loop.ts';

/** To a lane. The first one is `prepare`. Each has one answer. */
export type LaneOrder =
  | { readonly kind: 'prepare'; readonly keys: number }
  | { readonly kind: 'cycle' | 'verify-and-sign'; readonly milliseconds: number };

/** Rows a second; 0 when the lane is prepared. */
export interface LaneAnswer {
  readonly perSecond: number;
}

/** Told to worker threads, so that another thread's import of this module does not listen. */
export const LANE = 'ceiling-lane';

function createLane(): (order: LaneOrder) => LaneAnswer {
  let work = { cycle: (): void => undefined, 'verify-and-sign': (): void => undefined } as Record<
    'cycle' | 'verify-and-sign',
    (row: number) => void
  >;
  return (order) => {
    if (order.kind !== 'prepare') return { perSecond: paceOf(work[order.kind], order.milliseconds) };
    const material = makeMaterial(order.keys);
    const importKey = quickerImport(material);
    work = { cycle: wholeCycle(material, importKey), 'verify-and-sign': verifyAndSign(material) };
    return { perSecond: 0 };
  };
}

const perform = createLane();
if (parentPort && workerData === LANE) {
  const port = parentPort;
  port.on('message', (order: LaneOrder) => port.postMessage(perform(order)));
} else if (process.send) {
  process.on('message', (order: LaneOrder) => process.send?.(perform(order)));
  // The bench is gone: nobody asks any more.
  process.on('disconnect', () => process.exit());
}
