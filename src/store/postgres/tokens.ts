import type { StoredToken, TokenAct, TokenRecord } from '../../enrollment/index.ts';
import { noToken } from '../refusals.ts';
import { build } from '../session.ts';
import { readToken, tokenDetails, tokenRow } from '../tokens.ts';
import type { PostgresSession } from './session.ts';
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

export async function findToken(session: PostgresSession, id: string): Promise<StoredToken | undefined> {
  const row = await session.first(build.selectFrom('token').selectAll().where('id', '=', id));
  return row && readToken(row);
}

export async function listTokens(
  session: PostgresSession,
  after: string,
  limit: number,
): Promise<readonly StoredToken[]> {
  const rows = await session.all(
    build.selectFrom('token').selectAll().where('id', '>', after).orderBy('id').limit(limit),
  );
  return rows.map(readToken);
}

export async function revokeToken(transaction: Transaction, act: TokenAct, id: string): Promise<void> {
  const token = await findToken(transaction, id);
  if (!token) throw noToken();
  if (token.revokedAt !== null) return;
  await transaction.appendAudit(act, { action: 'token-revoked', fleet: token.fleet, details: { id } });
  await transaction.run(
    build.updateTable('token').set({ revoked_at: act.at.getTime() }).where('id', '=', id),
  );
}
