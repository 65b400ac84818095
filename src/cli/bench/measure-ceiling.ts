import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { LANE, type LaneAnswer, type LaneOrder } from './ceiling-lane.ts';
import type { CeilingPace } from './findings.ts';
import type { Plan } from './plan.ts';
import type { Workshop } from './workshop.ts';

const MODULE = new URL('./ceiling-lane.js', import.meta.url);

interface Lane {
  perform(order: LaneOrder): Promise<LaneAnswer>;
}

/** Rejects where the lane ends before it answers. */
async function answerOf(
  lane: { once(event: 'exit', heard: (code: number | null) => void): unknown } & NodeJS.EventEmitter,
  send: () => void,
): Promise<LaneAnswer> {
  const waiting = new AbortController();
  const ended = once(lane, 'exit', { signal: waiting.signal }).then(([code]) => {
    throw new Error(`a lane of the ceiling ended with ${code}`);
  });
  const answered = once(lane, 'message', { signal: waiting.signal }).then(([answer]) => answer as LaneAnswer);
  send();
  try {
    return await Promise.race([answered, ended]);
  } finally {
    waiting.abort();
    await Promise.allSettled([answered, ended]);
  }
}

function openThread(workshop: Workshop): Lane {
  const worker = workshop.thread(MODULE, LANE);
  return { perform: (order) => answerOf(worker, () => worker.postMessage(order)) };
}

function openProcess(workshop: Workshop): Lane {
  const child = workshop.fork(MODULE);
  return { perform: (order) => answerOf(child, () => child.send(order)) };
}

/** Measures what the machine's cryptography allows, on all cores at once. */
export interface CeilingMeter {
  /** Key import, two verifications and a signature: rows a second, by threads and by processes. */
  cycle(): Promise<CeilingPace>;
  /** One verification and one signature: rows a second, the faster way. */
  verifyAndSign(): Promise<number>;
}

const total = async (lanes: readonly Lane[], order: LaneOrder): Promise<number> => {
  const answers = await Promise.all(lanes.map((lane) => lane.perform(order)));
  return answers.reduce((sum, { perSecond }) => sum + perSecond, 0);
};

/** Opens a thread and a process for each core; both wait idly between measurements. */
export async function openCeiling(workshop: Workshop, plan: Plan): Promise<CeilingMeter> {
  const cores = Array.from({ length: availableParallelism() });
  const threads = cores.map(() => openThread(workshop));
  const processes = cores.map(() => openProcess(workshop));
  await total([...threads, ...processes], { kind: 'prepare', keys: plan.ceilingKeys });
  const milliseconds = plan.ceilingWindowMs;
  const both = async (kind: 'cycle' | 'verify-and-sign'): Promise<CeilingPace> => ({
    threads: await total(threads, { kind, milliseconds }),
    processes: await total(processes, { kind, milliseconds }),
  });
  // The first window of a lane runs code that is not compiled yet.
  await both('cycle');
  return {
    cycle: () => both('cycle'),
    verifyAndSign: async () => Math.max(...Object.values(await both('verify-and-sign'))),
  };
}
