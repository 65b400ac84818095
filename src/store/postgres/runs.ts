import type { Act } from '../../ca/index.ts';
import { build } from '../session.ts';
import { abandonRuns, abandonUnknown } from './abandonment.ts';
import { abandonRegistrations } from './registrations.ts';
import type { Transaction, Undertaking } from './transaction.ts';

const serviceAct = (at: Date): Act => ({ at, actor: { kind: 'service', id: 'service', role: 'service' } });

const SQL = {
  ofRun: `SELECT b.id, a.batch, a.number FROM batch_attempt a JOIN batch b ON b.number = a.batch
    WHERE a.state = 'receiving' AND a.run_id = $1`,
  ofOthers: `SELECT b.id, a.batch, a.number FROM batch_attempt a JOIN batch b ON b.number = a.batch
    WHERE a.state = 'receiving' AND a.run_id <> $1`,
  interrupt: "UPDATE batch_attempt SET state = 'interrupted', ended_at = $3 WHERE batch = $1 AND number = $2",
} as const;

interface OpenAttempt {
  readonly id: string;
  readonly batch: number;
  readonly number: number;
}

async function interruptAttempts(
  transaction: Transaction,
  act: Act,
  attempts: readonly OpenAttempt[],
): Promise<void> {
  for (const { id, batch, number } of attempts) {
    await transaction.change(SQL.interrupt, batch, number, act.at.getTime());
    const details = { batch: id, attempt: number, state: 'interrupted' };
    await transaction.appendAudit(act, { action: 'batch-attempt-closed', fleet: null, details });
  }
}

/** Begins a run, and settles what earlier ones left open. Gives the number of intents abandoned. */
export async function startRun(transaction: Transaction, runId: string, at: Date): Promise<number> {
  const act = serviceAct(at);
  await transaction.run(
    build.insertInto('run').values({ id: runId, started_at: at.getTime(), ended_at: null }),
  );
  await transaction.appendAudit(act, { action: 'run-started', fleet: null, details: { run: runId } });
  await interruptAttempts(transaction, act, await transaction.rows<OpenAttempt>(SQL.ofOthers, runId));
  await abandonRegistrations(transaction, act, '<>', runId);
  return abandonRuns(transaction, act, 'others', runId);
}

/** Ends a run: after a clean stop no intent is open and no attempt receives. */
export async function endRun(transaction: Transaction, runId: string, at: Date): Promise<void> {
  const act = serviceAct(at);
  await interruptAttempts(transaction, act, await transaction.rows<OpenAttempt>(SQL.ofRun, runId));
  await abandonRegistrations(transaction, act, '=', runId);
  await abandonRuns(transaction, act, 'own', runId);
  await transaction.run(build.updateTable('run').set({ ended_at: at.getTime() }).where('id', '=', runId));
  await transaction.appendAudit(act, { action: 'run-ended', fleet: null, details: { run: runId } });
}

/**
 * Undoes what a transaction of this run opened, if it was committed: whoever asked for it was told that
 * it failed, so nobody will complete those intents or close those attempts.
 */
export async function settleUndertakings(
  transaction: Transaction,
  runId: string,
  undertakings: readonly Undertaking[],
): Promise<void> {
  const last = undertakings.at(-1);
  if (!last) return;
  const act = serviceAct(last.act.at);
  const opened = new Set(undertakings.map(({ attempt }) => attempt && `${attempt.batch} ${attempt.number}`));
  const attempts = await transaction.rows<OpenAttempt>(SQL.ofRun, runId);
  await interruptAttempts(
    transaction,
    act,
    attempts.filter(({ batch, number }) => opened.has(`${batch} ${number}`)),
  );
  const chunks = undertakings.flatMap(({ chunk }) => (chunk === undefined ? [] : [chunk]));
  await abandonUnknown(transaction, act, runId, chunks);
}
