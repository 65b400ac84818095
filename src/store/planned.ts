import type { Act } from '../ca/index.ts';
import { type Asking, answer } from './asking.ts';
import { type AuditContent, appendAudit } from './audit.ts';
import type { Session } from './session.ts';

/**
 * A command that is written once for both engines: what its entry says, and what is written with the entry's
 * number. Statements that change something give a row back (RETURNING), for only such can be asked.
 */
export interface Planned<T> {
  readonly entry: AuditContent;
  write(auditSeq: number): Asking<T>;
}

/** Of a command that has nothing left to do: what it gives, and no entry. */
export interface Settled<T> {
  readonly settled: T;
}

export function perform<T>(session: Session, act: Act, planning: Asking<Planned<T> | Settled<T>>): T {
  const plan = answer(session, planning);
  if ('settled' in plan) return plan.settled;
  return answer(session, plan.write(appendAudit(session, act, plan.entry)));
}
