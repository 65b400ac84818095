import type { Act } from '../../ca/index.ts';
import {
  type Allowance,
  countChunks,
  giveBackRegistrationSql,
  giveBackSql,
  openAllowance,
  openRegistrationAllowance,
  QUOTA_COLUMNS,
  type QuotaRow,
  REGISTRATION_QUOTA_COLUMNS,
  type RegistrationQuotaRow,
} from '../allowance.ts';
import type { Transaction } from './transaction.ts';

const SQL = {
  // Whoever has the writers' lock is alone; the row's lock says so beside writers that do not know of it.
  quota: `SELECT ${QUOTA_COLUMNS} FROM token
    WHERE id = $1 AND (quota_total IS NOT NULL OR quota_per_hour IS NOT NULL) FOR UPDATE`,
  spend: 'UPDATE token SET spent = $2, hour_began = $3, spent_in_hour = $4 WHERE id = $1',
  giveBack: giveBackSql('$1::bigint', '$2'),
  registration: `SELECT ${REGISTRATION_QUOTA_COLUMNS} FROM registration_credential
    WHERE id = $1 AND certificate IS NOT NULL FOR UPDATE`,
  spendRegistration: 'UPDATE registration_credential SET spent = $2 WHERE id = $1',
  giveBackRegistration: giveBackRegistrationSql('$1::bigint', '$2'),
} as const;

/** What the token or the registration credentials that act may spend; undefined where there is no quota. */
export async function allowanceOf(
  transaction: Transaction,
  { actor, at }: Act,
): Promise<Allowance | undefined> {
  if (actor.kind === 'registration') {
    const [row] = await transaction.rows<RegistrationQuotaRow>(SQL.registration, actor.id);
    return openRegistrationAllowance(row, at);
  }
  if (actor.kind !== 'token') return undefined;
  const [row] = await transaction.rows<QuotaRow>(SQL.quota, actor.id);
  return row && openAllowance(row, at);
}

/** Writes down what the rows of a chunk have taken. */
export async function spend(transaction: Transaction, { actor }: Act, allowance: Allowance): Promise<void> {
  const { spent, hourBegan, spentInHour } = allowance.after();
  if (actor.kind === 'registration') await transaction.change(SQL.spendRegistration, actor.id, spent);
  else await transaction.change(SQL.spend, actor.id, spent, hourBegan, spentInHour);
}

/** Gives units of intents that were abandoned back; `chunkIds` names one chunk for each of them. */
export async function giveBack(transaction: Transaction, chunkIds: readonly number[]): Promise<void> {
  for (const [chunk, count] of countChunks(chunkIds)) {
    await transaction.change(SQL.giveBack, count, chunk);
    await transaction.change(SQL.giveBackRegistration, count, chunk);
  }
}
