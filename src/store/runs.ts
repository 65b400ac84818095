import type { Act } from '../ca/index.ts';
import { appendAudit } from './audit.ts';
import { build, type Session } from './session.ts';

const serviceAct = (at: Date): Act => ({ at, actor: { kind: 'service', id: 'service', role: 'service' } });

/** Whose: this run's own (`=`), or every other's (`<>`). */
type Whose = '=' | '<>';

/** Open intents of a run that is over can never be completed: their TBS is gone with the process. */
function abandonIntents(session: Session, act: Act, whose: Whose, runId: string): number {
  const open = session.all(
    build
      .selectFrom('intent')
      .select(['id', 'kind', 'key_digest'])
      .where('state', '=', 'open')
      .where('run_id', whose, runId),
  );
  if (open.length === 0) return 0;
  for (const intent of open) {
    session.run(build.updateTable('intent').set({ state: 'abandoned' }).where('id', '=', intent.id));
    if (intent.kind === 'authority') {
      session.run(
        build
          .updateTable('generation')
          .set({ state: 'abandoned' })
          .where('key_digest', '=', intent.key_digest)
          .where('state', '=', 'staged'),
      );
    }
  }
  appendAudit(session, act, {
    action: 'intents-abandoned',
    fleet: null,
    details: { intents: open.map(({ id }) => id) },
  });
  return open.length;
}

function interruptAttempts(session: Session, act: Act, whose: Whose, runId: string): void {
  const open = session.all(
    build
      .selectFrom('batch_attempt')
      .select(['batch_id', 'number'])
      .where('state', '=', 'receiving')
      .where('run_id', whose, runId),
  );
  for (const { batch_id, number } of open) {
    session.run(
      build
        .updateTable('batch_attempt')
        .set({ state: 'interrupted', ended_at: act.at.getTime() })
        .where('batch_id', '=', batch_id)
        .where('number', '=', number),
    );
    const details = { batch: batch_id, attempt: number, state: 'interrupted' };
    appendAudit(session, act, { action: 'batch-attempt-closed', fleet: null, details });
  }
}

/** Begins a run, and settles what earlier ones left open. Gives the number of intents abandoned. */
export function startRun(session: Session, runId: string, at: Date): number {
  const act = serviceAct(at);
  session.run(build.insertInto('run').values({ id: runId, started_at: at.getTime(), ended_at: null }));
  appendAudit(session, act, { action: 'run-started', fleet: null, details: { run: runId } });
  interruptAttempts(session, act, '<>', runId);
  return abandonIntents(session, act, '<>', runId);
}

/** Ends a run: after a clean stop no intent is open and no attempt receives. */
export function endRun(session: Session, runId: string, at: Date): void {
  const act = serviceAct(at);
  interruptAttempts(session, act, '=', runId);
  abandonIntents(session, act, '=', runId);
  session.run(build.updateTable('run').set({ ended_at: at.getTime() }).where('id', '=', runId));
  appendAudit(session, act, { action: 'run-ended', fleet: null, details: { run: runId } });
}
