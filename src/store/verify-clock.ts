import { PkiError } from '../errors.ts';
import { lastChunk } from './intent-chunks.ts';
import type { Session } from './session.ts';

/** How far a clock may lie behind the last intent: drift and a leap, not a reset. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

/** Refuses `clock-behind`; `last` is the instant of the last intent, in milliseconds. */
export function verifyNotBehind(last: number | undefined, at: Date): void {
  if (last === undefined || at.getTime() >= last - CLOCK_TOLERANCE_MS) return;
  throw new PkiError(
    'clock-behind',
    `The clock stands at ${at.toISOString()}, before the last issuance (${new Date(last).toISOString()}). Nothing is issued until it is right.`,
  );
}

/**
 * Refuses `clock-behind`. Asked for every intent, an authority's too: one that a wrong clock slipped in
 * would be the last, and all that follow it would pass.
 */
export function verifyClock(session: Session, at: Date): void {
  const last = lastChunk(session);
  verifyNotBehind(last?.created_at, at);
}
