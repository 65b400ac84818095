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

export function perform<T>(session: Session, act: Act, planning: Asking<Planned<T>>): T {
  const { entry, write } = answer(session, planning);
  return answer(session, write(appendAudit(session, act, entry)));
}
