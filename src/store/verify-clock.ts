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

/** Refuses `restoration-not-settled`; how many wait to be settled is known. */
export function verifySettled(open: number): void {
  if (open === 0) return;
  throw new PkiError(
    'restoration-not-settled',
    'The database was put back from a copy. Nothing is signed until role security has settled what happened since.',
    { facts: { retryAfterSeconds: 60 } },
  );
}

/** What waits to be settled, in either engine's words. */
export const OPEN_RESTORATIONS = 'SELECT count(*) AS open FROM restoration WHERE settled_at IS NULL';

/**
 * Refuses `restoration-not-settled` and `clock-behind`. Asked for every intent, an authority's too: one that a wrong clock slipped in
 * would be the last, and all that follow it would pass.
 */
export function verifyClock(session: Session, at: Date): void {
  verifySettled((session.prepare(OPEN_RESTORATIONS).get() as { open: number }).open);
  const last = lastChunk(session);
  verifyNotBehind(last?.created_at, at);
}
