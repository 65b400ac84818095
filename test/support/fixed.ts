import { createHash } from 'node:crypto';
import type { Clock } from '../../src/clock.ts';
import type { Random } from '../../src/random.ts';

/** A clock that stands where it was set, and moves when told. */
export interface FixedClock extends Clock {
  set(instant: string | Date): void;
}

export function fixedClock(start = '2026-06-01T12:00:00Z'): FixedClock {
  let now = new Date(start);
  return {
    now: () => now,
    sleep: () => new Promise((resolve) => setImmediate(resolve)),
    set: (instant) => {
      now = new Date(instant);
    },
  };
}

/** Octets from a seed: the same run gives the same serials. */
export function seededRandom(seed = 'seed'): Random {
  let counter = 0;
  return {
    bytes: (size) => {
      const parts: Buffer[] = [];
      while (parts.length * 32 < size)
        parts.push(createHash('sha256').update(`${seed}/${counter++}`).digest());
      return Buffer.concat(parts).subarray(0, size);
    },
  };
}
