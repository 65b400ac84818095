import type { Act } from '../../ca/index.ts';
import type { Asking } from '../asking.ts';
import type { Planned, Settled } from '../planned.ts';
import type { Transaction } from './transaction.ts';

export async function perform<T>(
  transaction: Transaction,
  act: Act,
  planning: Asking<Planned<T> | Settled<T>>,
): Promise<T> {
  const plan = await transaction.answer(planning);
  if ('settled' in plan) return plan.settled;
  return transaction.answer(plan.write(await transaction.appendAudit(act, plan.entry)));
}
