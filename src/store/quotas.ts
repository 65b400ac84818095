import type { Act } from '../ca/index.ts';
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
} from './allowance.ts';
import type { Session } from './session.ts';

const SQL = {
  quota: `SELECT ${QUOTA_COLUMNS} FROM token WHERE id = ? AND (quota_total IS NOT NULL OR quota_per_hour IS NOT NULL)`,
  spend: 'UPDATE token SET spent = ?, hour_began = ?, spent_in_hour = ? WHERE id = ?',
  giveBack: giveBackSql('?', '?'),
  registration: `SELECT ${REGISTRATION_QUOTA_COLUMNS} FROM registration_credential WHERE id = ? AND certificate IS NOT NULL`,
  spendRegistration: 'UPDATE registration_credential SET spent = ? WHERE id = ?',
  giveBackRegistration: giveBackRegistrationSql('?', '?'),
} as const;

/** What the token or the registration credentials that act may spend; undefined where there is no quota. */
export function allowanceOf(session: Session, { actor, at }: Act): Allowance | undefined {
  if (actor.kind === 'registration') {
    const row = session.prepare(SQL.registration).get(actor.id) as RegistrationQuotaRow | undefined;
    return openRegistrationAllowance(row, at);
  }
  if (actor.kind !== 'token') return undefined;
  const row = session.prepare(SQL.quota).get(actor.id) as QuotaRow | undefined;
  return row && openAllowance(row, at);
}

/** Writes down what the rows of a chunk have taken. */
export function spend(session: Session, { actor }: Act, allowance: Allowance): void {
  const { spent, hourBegan, spentInHour } = allowance.after();
  if (actor.kind === 'registration') session.prepare(SQL.spendRegistration).run(spent, actor.id);
  else session.prepare(SQL.spend).run(spent, hourBegan, spentInHour, actor.id);
}

/** Gives units of intents that were abandoned back; `chunkIds` names one chunk for each of them. */
export function giveBack(session: Session, chunkIds: readonly number[]): void {
  for (const [chunk, count] of countChunks(chunkIds)) {
    session.prepare(SQL.giveBack).run(count, count, chunk);
    session.prepare(SQL.giveBackRegistration).run(count, chunk);
  }
}
