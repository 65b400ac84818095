import type { TokenAct, TokenRecord } from '../../enrollment/index.ts';
import { noToken } from '../refusals.ts';
import { build } from '../session.ts';
import { findToken, tokenDetails, tokenRow } from '../tokens.ts';
import type { Transaction } from './transaction.ts';

export async function recordToken(
  transaction: Transaction,
  act: TokenAct,
  token: TokenRecord,
): Promise<void> {
  const details = tokenDetails(token);
  const auditSeq = await transaction.appendAudit(act, {
    action: 'token-created',
    fleet: token.fleet,
    details,
  });
  await transaction.run(build.insertInto('token').values(tokenRow(token, auditSeq)));
}

export async function revokeToken(transaction: Transaction, act: TokenAct, id: string): Promise<void> {
  const token = await transaction.answer(findToken(id));
  if (!token) throw noToken();
  if (token.revokedAt !== null) return;
  await transaction.appendAudit(act, { action: 'token-revoked', fleet: token.fleet, details: { id } });
  await transaction.run(
    build.updateTable('token').set({ revoked_at: act.at.getTime() }).where('id', '=', id),
  );
}
