import { sql } from 'kysely';
import type { Act } from '../ca/index.ts';
import { abandonRuns } from './abandonment.ts';
import { appendAudit } from './audit.ts';
import { abandonRegistrations } from './registrations.ts';
import { build, type Session } from './session.ts';

const serviceAct = (at: Date): Act => ({ at, actor: { kind: 'service', id: 'service', role: 'service' } });

/** Whose: this run's own (`=`), or every other's (`<>`). */
type Whose = '=' | '<>';

function interruptAttempts(session: Session, act: Act, whose: Whose, runId: string): void {
  const open = session.all(
    build
      .selectFrom('batch_attempt as a')
      .innerJoin('batch as b', 'b.number', 'a.batch')
      .select(['b.id', 'a.batch', 'a.number'])
      .where('a.state', '=', sql.lit('receiving'))
      .where('a.run_id', whose, runId),
  );
  for (const { id, batch, number } of open) {
    session.run(
      build
        .updateTable('batch_attempt')
        .set({ state: 'interrupted', ended_at: act.at.getTime() })
        .where('batch', '=', batch)
        .where('number', '=', number),
    );
    const details = { batch: id, attempt: number, state: 'interrupted' };
    appendAudit(session, act, { action: 'batch-attempt-closed', fleet: null, details });
  }
}

/** Begins a run, and settles what earlier ones left open. Gives the number of intents abandoned. */
export function startRun(session: Session, runId: string, at: Date): number {
  const act = serviceAct(at);
  session.run(build.insertInto('run').values({ id: runId, started_at: at.getTime(), ended_at: null }));
  appendAudit(session, act, { action: 'run-started', fleet: null, details: { run: runId } });
  interruptAttempts(session, act, '<>', runId);
  abandonRegistrations(session, act, '<>', runId);
  return abandonRuns(session, act, '<>', runId);
}

/** Ends a run: after a clean stop no intent is open and no attempt receives. */
export function endRun(session: Session, runId: string, at: Date): void {
  const act = serviceAct(at);
  interruptAttempts(session, act, '=', runId);
  abandonRegistrations(session, act, '=', runId);
  abandonRuns(session, act, '=', runId);
  session.run(build.updateTable('run').set({ ended_at: at.getTime() }).where('id', '=', runId));
  appendAudit(session, act, { action: 'run-ended', fleet: null, details: { run: runId } });
}
