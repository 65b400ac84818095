import { setTimeout as pause } from 'node:timers/promises';
import { type Boot, bootDevice, type DeviceFiles } from './simulated-device.ts';

/** How a fleet boots. */
export interface SimulationWish {
  readonly devices: readonly DeviceFiles[];
  /** Between the starts of two devices. */
  readonly staggerMs: number;
  /** Most that are booting at one time; the next one waits. */
  readonly atATime: number;
  readonly signal: AbortSignal;
  readonly booted?: (boot: Boot) => void;
}

/** What came of it. */
export interface Simulation {
  readonly devices: number;
  readonly online: number;
  readonly requests: number;
  readonly handshakes: number;
  readonly seconds: number;
  readonly handshakesPerSecond: number;
  /** Of the handshakes, connection included; null where there was none. */
  readonly medianHandshakeMs: number | null;
  /** Devices that did not come online, by what went wrong, the most frequent first. */
  readonly failures: readonly { readonly failure: string; readonly devices: number }[];
}

function countFailures(boots: readonly Boot[]): Simulation['failures'] {
  const counts = new Map<string, number>();
  for (const { failure } of boots) {
    if (failure !== null) counts.set(failure, (counts.get(failure) ?? 0) + 1);
  }
  return [...counts]
    .map(([failure, devices]) => ({ failure, devices }))
    .sort((one, other) => other.devices - one.devices);
}

const round = (value: number): number => Math.round(value * 10) / 10;

function summarize(boots: readonly Boot[], milliseconds: number): Simulation {
  const sum = (of: (boot: Boot) => number): number => boots.reduce((all, boot) => all + of(boot), 0);
  const times = boots.flatMap(({ handshakeMs }) => handshakeMs).sort((one, other) => one - other);
  const median = times[Math.floor(times.length / 2)];
  const handshakes = sum((boot) => boot.handshakes);
  return {
    devices: boots.length,
    online: boots.filter(({ isOnline }) => isOnline).length,
    requests: sum(({ requests }) => requests),
    handshakes,
    seconds: round(milliseconds / 1000),
    handshakesPerSecond: round(handshakes / (milliseconds / 1000)),
    medianHandshakeMs: median === undefined ? null : round(median),
    failures: countFailures(boots),
  };
}

/**
 * Boots devices for the first time, staggered, each over real TLS with its own files. Resolves when all are
 * done; an abort ends those that are under way, and those that had not begun are not counted.
 */
export async function simulate({
  devices,
  staggerMs,
  atATime,
  signal,
  booted,
}: SimulationWish): Promise<Simulation> {
  const since = performance.now();
  const waiting = [...devices];
  const boots: Boot[] = [];
  let nextStart = since;
  const lane = async (): Promise<void> => {
    for (let files = waiting.shift(); files !== undefined && !signal.aborted; files = waiting.shift()) {
      const startAt = nextStart;
      nextStart = Math.max(nextStart, performance.now()) + staggerMs;
      if (startAt > performance.now()) await pause(startAt - performance.now());
      const boot = await bootDevice(files, signal);
      boots.push(boot);
      booted?.(boot);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atATime, devices.length) }, lane));
  return summarize(boots, performance.now() - since);
}
