import { parseToken, type Requester, type TokenStore, verifyToken } from '../enrollment/index.ts';
import { PkiError } from '../errors.ts';

const BEARER = /^bearer +([^\s]+)$/i;

/**
 * Who asks, by the Authorization header (RFC 6750, 2.1). Refuses `unauthenticated`: no token, not the
 * form of one, unknown, expired, revoked.
 */
export async function authenticate(
  tokens: TokenStore,
  authorization: string | undefined,
  now: Date,
): Promise<Requester> {
  if (authorization === undefined) {
    throw new PkiError('unauthenticated', 'Send a token: Authorization: Bearer fca_….');
  }
  const [, text = ''] = BEARER.exec(authorization) ?? [];
  const token = parseToken(text);
  if (!token) throw new PkiError('unauthenticated', 'This is not the form of a token.');
  const { id, name, role, rights, fleet, bounds } = verifyToken(
    await tokens.findToken(token.id),
    token.secret,
    now,
  );
  return { id, name, role, rights, fleet, bounds };
}
