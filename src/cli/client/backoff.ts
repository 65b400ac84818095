import { setTimeout as sleep } from 'node:timers/promises';
import { PkiError } from '../../errors.ts';
import { LocalFailure } from '../local-failure.ts';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
/** The service counts calls by the minute. What asks for more, as the quota of an hour, is for a person. */
const LONGEST_ASKED_MS = 120_000;

/**
 * How long to wait before the `nth` retry (from 1): twice as long each time up to 30 seconds, of which
 * the second half is left to chance, so that a hall of stations does not come back in one moment.
 * `random` gives a number from 0 to below 1.
 */
export function backoffMs(nth: number, random: () => number): number {
  const longest = Math.min(FIRST_WAIT_MS * 2 ** (nth - 1), LONGEST_WAIT_MS);
  return Math.round(longest / 2 + (longest / 2) * random());
}

const BROKEN: ReadonlySet<string> = new Set(['cut-off', 'unreachable']);

/**
 * How long to wait before a call that failed is made for the `nth` time more; undefined where the same call
 * would fail the same way. Not shorter than the service asks (429, 503 and 507 with Retry-After).
 */
export function retryDelayMs(failure: unknown, nth: number, random: () => number): number | undefined {
  const wait = backoffMs(nth, random);
  if (failure instanceof LocalFailure) return BROKEN.has(failure.code) ? wait : undefined;
  if (!(failure instanceof PkiError)) return undefined;
  const { retryAfterSeconds } = failure.facts;
  if (typeof retryAfterSeconds !== 'number') return undefined;
  const asked = retryAfterSeconds * 1000;
  return asked <= LONGEST_ASKED_MS ? Math.max(wait, asked) : undefined;
}

/** How a call is made again and again. */
export interface Persistence {
  /** Most retries in a row that bring nothing new. */
  readonly retries: number;
  /** Ends the waiting, and the trying. */
  readonly signal: AbortSignal;
  /** Is told of every failure that is followed by another try, and when that is. */
  onRetry(failure: Error, waitMs: number, nth: number): void;
}

/**
 * Makes a call that is the same twice as once until it works out. A call that `moved` something on before
 * it failed starts the count of retries anew: a lot of hours over a poor line fails for no small number.
 * What never got to the service fails at once: that is a matter of its address. Rejects with the last
 * failure, or the signal's reason.
 */
export async function persist<T>(
  call: () => Promise<T>,
  { retries, signal, onRetry }: Persistence,
  moved: () => boolean,
): Promise<T> {
  let wasReached = false;
  for (let nth = 1; ; nth++) {
    try {
      return await call();
    } catch (failure) {
      signal.throwIfAborted();
      const hasMoved = moved();
      if (hasMoved) nth = 1;
      wasReached ||= hasMoved || !(failure instanceof LocalFailure && failure.code === 'unreachable');
      const waitMs = retryDelayMs(failure, nth, Math.random);
      if (waitMs === undefined || nth > retries || !wasReached) throw failure;
      onRetry(failure as Error, waitMs, nth);
      await sleep(waitMs, undefined, { signal });
    }
  }
}
