import type { Act } from '../../ca/index.ts';
import type { Asking } from '../asking.ts';
import type { Planned } from '../planned.ts';
import type { Transaction } from './transaction.ts';

export async function perform<T>(
  transaction: Transaction,
  act: Act,
  planning: Asking<Planned<T>>,
): Promise<T> {
  const { entry, write } = await transaction.answer(planning);
  return transaction.answer(write(await transaction.appendAudit(act, entry)));
}
