import { setTimeout as sleep } from 'node:timers/promises';

/** The time, as a port: rooms are given it, so that tests and ceremonies can say what time it is. */
export interface Clock {
  /** The present instant. Certificates use whole seconds of it. */
  now(): Date;
  /** Resolves after `milliseconds`. */
  sleep(milliseconds: number): Promise<void>;
}

export const systemClock: Clock = {
  now: () => new Date(),
  sleep: (milliseconds) => sleep(milliseconds),
};
