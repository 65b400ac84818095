import { createHash } from 'node:crypto';
import type { Selectable } from 'kysely';
import type { Right, Role, StoredToken, TokenAct, TokenBounds, TokenRecord } from '../enrollment/index.ts';
import { type Asking, all, answer, first } from './asking.ts';
import { appendAudit } from './audit.ts';
import { noToken } from './refusals.ts';
import type { Schema } from './schema.ts';
import { build, type Session } from './session.ts';

type TokenRow = Selectable<Schema['token']>;

export const readBounds = (
  row: Pick<TokenRow, 'quota_total' | 'quota_per_hour' | 'labels' | 'profiles' | 'id_pattern'>,
): TokenBounds => ({
  quota: { total: row.quota_total, perHour: row.quota_per_hour },
  labels: JSON.parse(row.labels),
  profiles: JSON.parse(row.profiles),
  idPattern: row.id_pattern,
});

export const readToken = (row: TokenRow): StoredToken => ({
  id: row.id,
  name: row.name,
  role: row.role as Role,
  rights: JSON.parse(row.rights) as Right[],
  fleet: row.fleet,
  secretHash: row.secret_hash,
  createdAt: new Date(row.created_at),
  expiresAt: new Date(row.expires_at),
  revokedAt: row.revoked_at === null ? null : new Date(row.revoked_at),
  bounds: readBounds(row),
  spent: {
    total: row.spent,
    hour: row.hour_began === null ? null : { began: new Date(row.hour_began), count: row.spent_in_hour },
  },
});

/** The row of a new token. */
export const tokenRow = (token: TokenRecord, auditSeq: number) => ({
  id: token.id,
  name: token.name,
  role: token.role,
  rights: JSON.stringify(token.rights),
  fleet: token.fleet,
  secret_hash: token.secretHash,
  created_at: token.createdAt.getTime(),
  expires_at: token.expiresAt.getTime(),
  revoked_at: null,
  audit_seq: auditSeq,
  quota_total: token.bounds.quota.total,
  quota_per_hour: token.bounds.quota.perHour,
  labels: JSON.stringify(token.bounds.labels),
  profiles: JSON.stringify(token.bounds.profiles),
  id_pattern: token.bounds.idPattern,
});

/** What of the bounds there is, so that an entry of before they were is as it was. */
function boundsDetails({ quota, labels, profiles, idPattern }: TokenBounds) {
  const said = {
    ...(quota.total === null ? {} : { quotaTotal: quota.total }),
    ...(quota.perHour === null ? {} : { quotaPerHour: quota.perHour }),
    ...(Object.keys(labels).length === 0 ? {} : { labels }),
    ...(profiles.length === 0 ? {} : { profiles }),
    ...(idPattern === null ? {} : { idPattern }),
  };
  return Object.keys(said).length === 0 ? {} : { bounds: said };
}

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
  ...boundsDetails(token.bounds),
});

export function recordToken(session: Session, act: TokenAct, token: TokenRecord): void {
  const details = tokenDetails(token);
  const auditSeq = appendAudit(session, act, { action: 'token-created', fleet: token.fleet, details });
  session.run(build.insertInto('token').values(tokenRow(token, auditSeq)));
}

export function* findToken(id: string): Asking<StoredToken | undefined> {
  const row = yield* first(build.selectFrom('token').selectAll().where('id', '=', id));
  return row && readToken(row);
}

export function* listTokens(after: string, limit: number): Asking<readonly StoredToken[]> {
  const rows = yield* all(
    build.selectFrom('token').selectAll().where('id', '>', after).orderBy('id').limit(limit),
  );
  return rows.map(readToken);
}

export function revokeToken(session: Session, act: TokenAct, id: string): void {
  const token = answer(session, findToken(id));
  if (!token) throw noToken();
  if (token.revokedAt !== null) return;
  appendAudit(session, act, { action: 'token-revoked', fleet: token.fleet, details: { id } });
  session.run(build.updateTable('token').set({ revoked_at: act.at.getTime() }).where('id', '=', id));
}
