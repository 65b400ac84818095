import { createHash } from 'node:crypto';
import type { Right, Role, TokenAct, TokenRecord } from '../enrollment/index.ts';
import { appendAudit } from './audit.ts';
import { noToken } from './refusals.ts';
import type { Schema } from './schema.ts';
import { build, type Session } from './session.ts';

export const readToken = (row: Schema['token']): TokenRecord => ({
  id: row.id,
  name: row.name,
  role: row.role as Role,
  rights: JSON.parse(row.rights) as Right[],
  fleet: row.fleet,
  secretHash: row.secret_hash,
  createdAt: new Date(row.created_at),
  expiresAt: new Date(row.expires_at),
  revokedAt: row.revoked_at === null ? null : new Date(row.revoked_at),
});

/**
 * What an entry says of a token; the verifier compares it with the row. The secret's hash is hashed
 * again: whoever reads the log learns nothing to log in with, and a hash that was swapped shows.
 */
export const tokenDetails = (token: Omit<TokenRecord, 'createdAt' | 'revokedAt'>) => ({
  id: token.id,
  name: token.name,
  role: token.role,
  rights: token.rights,
  fleet: token.fleet,
  expiresAt: token.expiresAt.toISOString(),
  secretDigest: createHash('sha256').update(token.secretHash).digest('hex'),
});

export function recordToken(session: Session, act: TokenAct, token: TokenRecord): void {
  const details = tokenDetails(token);
  const audit_seq = appendAudit(session, act, { action: 'token-created', fleet: token.fleet, details });
  session.run(
    build.insertInto('token').values({
      id: token.id,
      name: token.name,
      role: token.role,
      rights: JSON.stringify(token.rights),
      fleet: token.fleet,
      secret_hash: token.secretHash,
      created_at: token.createdAt.getTime(),
      expires_at: token.expiresAt.getTime(),
      revoked_at: null,
      audit_seq,
    }),
  );
}

export function findToken(session: Session, id: string): TokenRecord | undefined {
  const row = session.first(build.selectFrom('token').selectAll().where('id', '=', id));
  return row && readToken(row);
}

export const listTokens = (session: Session, after: string, limit: number): readonly TokenRecord[] =>
  session
    .all(build.selectFrom('token').selectAll().where('id', '>', after).orderBy('id').limit(limit))
    .map(readToken);

export function revokeToken(session: Session, act: TokenAct, id: string): void {
  const token = findToken(session, id);
  if (!token) throw noToken();
  if (token.revokedAt !== null) return;
  appendAudit(session, act, { action: 'token-revoked', fleet: token.fleet, details: { id } });
  session.run(build.updateTable('token').set({ revoked_at: act.at.getTime() }).where('id', '=', id));
}
