import type { Clock } from '../clock.ts';

/** What was read takes at most this part of the time to read: a hundredth. */
const REST = 99;

/**
 * Gives what `read` gave, for as long as `everyMs`, or for longer where reading takes long. Those who ask meanwhile
 * share one read. What fails is not kept.
 */
export function remember<T>(
  clock: Clock,
  everyMs: number,
  read: (now: Date) => Promise<T>,
): () => Promise<T> {
  let kept: { readonly value: T; readonly untilMs: number } | undefined;
  let reading: Promise<T> | undefined;

  const readNow = async (): Promise<T> => {
    const now = clock.now();
    try {
      const value = await read(now);
      const tookMs = clock.now().getTime() - now.getTime();
      kept = { value, untilMs: now.getTime() + Math.max(everyMs, REST * tookMs) };
      return value;
    } finally {
      reading = undefined;
    }
  };

  return () => {
    if (kept && clock.now().getTime() < kept.untilMs) return Promise.resolve(kept.value);
    reading ??= readNow();
    return reading;
  };
}
