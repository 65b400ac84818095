import { PkiError } from '../errors.ts';
import type { Session } from './session.ts';

/** How far a clock may lie behind the last intent: drift and a leap, not a reset. */
const CLOCK_TOLERANCE_MS = 5 * 60_000;

const LAST_INTENT_AT = 'SELECT created_at FROM intent ORDER BY id DESC LIMIT 1';

/**
 * Refuses `clock-behind`. Asked for every intent, an authority's too: one that a wrong clock slipped in
 * would be the last, and all that follow it would pass.
 */
export function verifyClock(session: Session, at: Date): void {
  const last = session.prepare(LAST_INTENT_AT).get() as { created_at: number } | undefined;
  if (last === undefined || at.getTime() >= last.created_at - CLOCK_TOLERANCE_MS) return;
  throw new PkiError(
    'clock-behind',
    `The clock stands at ${at.toISOString()}, before the last issuance (${new Date(last.created_at).toISOString()}). Nothing is issued until it is right.`,
  );
}
