/** One core of the ceiling: the same program as a worker thread and as a child process. */
import { parentPort, workerData } from 'node:worker_threads';
import {
  type Cycle,
  makeMaterial,
  paceOf,
  quickerImport,
  verifyAndSign,
  wholeCycle,
} from './ceiling-loop.ts';
import { drawBare, drawByLibrary, madeKeyCycle } from './made-key-loop.ts';

/** What a lane goes round; docs/performance.md says what each is for. */
export type Loop = 'cycle' | 'verify-and-sign' | 'make-key' | 'make-key-bare';

/** To a lane. The first one is `prepare`. Each has one answer. */
export type LaneOrder =
  | { readonly kind: 'prepare'; readonly keys: number }
  | { readonly kind: Loop; readonly milliseconds: number };

/** Rows a second; 0 when the lane is prepared. */
export interface LaneAnswer {
  readonly perSecond: number;
}

/** Told to worker threads, so that another thread's import of this module does not listen. */
export const LANE = 'ceiling-lane';

function createLane(): (order: LaneOrder) => LaneAnswer {
  let work: Readonly<Record<Loop, Cycle>> | undefined;
  return (order) => {
    if (order.kind !== 'prepare') {
      if (!work) throw new Error('the lane is not prepared');
      return { perSecond: paceOf(work[order.kind], order.milliseconds) };
    }
    const material = makeMaterial(order.keys);
    const importKey = quickerImport(material);
    work = {
      cycle: wholeCycle(material, importKey),
      'verify-and-sign': verifyAndSign(material),
      'make-key': madeKeyCycle(material, drawByLibrary),
      'make-key-bare': madeKeyCycle(material, drawBare),
    };
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
