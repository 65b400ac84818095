import { once } from 'node:events';
import { availableParallelism } from 'node:os';
import { builtModule } from '../../package-root.ts';
import { LANE, type LaneAnswer, type LaneOrder, type Loop } from './ceiling-lane.ts';
import type { CeilingPace } from './findings.ts';
import type { Plan } from './plan.ts';
import type { Workshop } from './workshop.ts';

const MODULE = builtModule('cli/bench/ceiling-lane.js');

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
  /** Rows a second, by threads and by processes. */
  pace(loop: Loop): Promise<CeilingPace>;
  /** Rows a second, the faster way. */
  faster(loop: Loop): Promise<number>;
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
  const pace = async (kind: Loop): Promise<CeilingPace> => ({
    threads: await total(threads, { kind, milliseconds }),
    processes: await total(processes, { kind, milliseconds }),
  });
  // The first window of a lane runs code that is not compiled yet.
  if (plan.parts.has('ceiling')) await pace('cycle');
  if (plan.parts.has('keys')) await pace('make-key');
  return { pace, faster: async (loop) => Math.max(...Object.values(await pace(loop))) };
}
