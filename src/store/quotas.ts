import type { Act } from '../ca/index.ts';
import {
  type Allowance,
  countChunks,
  giveBackSql,
  openAllowance,
  QUOTA_COLUMNS,
  type QuotaRow,
} from './allowance.ts';
import type { Session } from './session.ts';

const SQL = {
  quota: `SELECT ${QUOTA_COLUMNS} FROM token WHERE id = ? AND (quota_total IS NOT NULL OR quota_per_hour IS NOT NULL)`,
  spend: 'UPDATE token SET spent = ?, hour_began = ?, spent_in_hour = ? WHERE id = ?',
  giveBack: giveBackSql('?', '?'),
} as const;

/** What the token that acts may spend; undefined where it has no quota, or no token acts. */
export function allowanceOf(session: Session, { actor, at }: Act): Allowance | undefined {
  if (actor.kind !== 'token') return undefined;
  const row = session.prepare(SQL.quota).get(actor.id) as QuotaRow | undefined;
  return row && openAllowance(row, at);
}

/** Writes down what the rows of a chunk have taken. */
export function spend(session: Session, { actor }: Act, allowance: Allowance): void {
  const { spent, hourBegan, spentInHour } = allowance.after();
  session.prepare(SQL.spend).run(spent, hourBegan, spentInHour, actor.id);
}

/** Gives units of intents that were abandoned back; `chunkIds` names one chunk for each of them. */
export function giveBack(session: Session, chunkIds: readonly number[]): void {
  for (const [chunk, count] of countChunks(chunkIds)) session.prepare(SQL.giveBack).run(count, count, chunk);
}
