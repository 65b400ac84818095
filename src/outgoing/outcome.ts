import type { Random } from '../random.ts';

/** What has come of one try. */
export type Outcome =
  | { readonly arrived: true }
  | {
      readonly arrived: false;
      /** For the person who looks at it; nothing of what was sent, and nothing that a server says in free text. */
      readonly error: string;
      /** `never`: the same would fail however often it is tried. */
      readonly again: 'later' | 'never';
      /** Whatever else goes there now would fare the same. */
      readonly isDown: boolean;
      /** What the server asks for before the next try, milliseconds; 0: nothing. */
      readonly waitMs: number;
    };

export const ARRIVED: Outcome = { arrived: true };

export const failed = (
  error: string,
  again: 'later' | 'never',
  { isDown = false, waitMs = 0 }: { readonly isDown?: boolean; readonly waitMs?: number } = {},
): Outcome => ({ arrived: false, error, again, isDown, waitMs });

export interface RetryTerms {
  /** Tries until a delivery is given up. */
  readonly attempts: number;
  readonly firstRetrySeconds: number;
}

const FACTOR = 4;
const LONGEST_MS = 6 * 3_600_000;

/**
 * When a delivery is tried again after so many tries; null: it is given up. Longer each time, not all at once,
 * and not sooner than the server asks, though that cannot make it longer than the longest.
 */
export function nextAttempt(
  attempts: number,
  now: Date,
  { attempts: most, firstRetrySeconds }: RetryTerms,
  random: Random,
  waitMs = 0,
): Date | null {
  if (attempts >= most) return null;
  const delay = Math.min(1000 * firstRetrySeconds * FACTOR ** (attempts - 1), LONGEST_MS);
  const spread = (random.bytes(1)[0] ?? 0) / 256;
  const own = Math.round(delay * (0.9 + 0.2 * spread));
  return new Date(now.getTime() + Math.max(own, Math.min(waitMs, LONGEST_MS)));
}
