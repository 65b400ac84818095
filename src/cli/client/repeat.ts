import { setTimeout as sleep } from 'node:timers/promises';
import { PkiError } from '../../errors.ts';
import { LocalFailure } from '../local-failure.ts';

const MOST_TRIES = 3;
const LONGEST_WAIT_SECONDS = 10;

/** Refusals that pass. A full disk does not empty itself by the second. */
const PASSING: ReadonlySet<string> = new Set([
  'busy',
  'rate-limited',
  'storage-unavailable',
  'signer-unavailable',
  'clock-behind',
]);

/** Seconds after which the same call may succeed; undefined where it would not, or not soon. */
export function secondsToWait(failure: unknown): number | undefined {
  if (failure instanceof LocalFailure) return failure.code === 'cut-off' ? 1 : undefined;
  if (!(failure instanceof PkiError) || !PASSING.has(failure.code)) return undefined;
  const asked = Number(failure.facts.retryAfterSeconds ?? 1);
  return asked <= LONGEST_WAIT_SECONDS ? asked : undefined;
}

/** Tries up to three times, as long as waiting helps. For calls that are the same twice as once. */
export async function repeat<T>(call: () => Promise<T>, triesLeft = MOST_TRIES - 1): Promise<T> {
  try {
    return await call();
  } catch (failure) {
    const seconds = secondsToWait(failure);
    if (seconds === undefined || triesLeft === 0) throw failure;
    await sleep(seconds * 1000);
  }
  return repeat(call, triesLeft - 1);
}
