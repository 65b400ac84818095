import { z } from 'zod';
import { mintToken, notFound, RIGHTS, ROLES, type TokenRecord } from '../../enrollment/index.ts';
import { PkiError } from '../../errors.ts';
import { readJson } from '../body.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { formatInstant, formatInstantOrNull } from '../instant.ts';
import { nameSchema } from '../names.ts';
import { fitQuery, noQuery, pageQuery, readPage } from '../query.ts';
import { pathParameter, sendJson } from '../web.ts';

const DEFAULT_DAYS = 90;

export const newTokenSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(128)
    .regex(/^\P{Cc}*$/u),
  role: z.enum(ROLES),
  fleet: nameSchema.nullable().optional(),
  rights: z.array(z.enum(RIGHTS)).max(1).optional(),
  validityDays: z.int().min(1).max(3650).default(DEFAULT_DAYS),
});

/** A token without anything that could be used as one. */
const tokenJson = ({ id, name, role, rights, fleet, createdAt, expiresAt, revokedAt }: TokenRecord) => ({
  id,
  name,
  role,
  rights,
  fleet,
  createdAt: formatInstant(createdAt),
  expiresAt: formatInstant(expiresAt),
  revokedAt: formatInstantOrNull(revokedAt),
});

async function createToken(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { name, role, fleet = null, rights = [], validityDays } = await readJson(call, newTokenSchema);
  const { ca, tokens } = call.edge;
  if (fleet !== null && !(await ca.ledger.findFleet(fleet))) {
    throw new PkiError('not-found', `There is no fleet named ${fleet}.`);
  }
  const { record, secret } = mintToken(ca.random, call.act.at, { name, role, fleet, rights, validityDays });
  await tokens.recordToken(call.act, record);
  call.res.location(`/v1/tokens/${record.id}`);
  sendJson(call.res, 201, { ...tokenJson(record), token: secret });
}

async function listTokens({ edge, req, res }: Call): Promise<void> {
  const { after, limit } = fitQuery(pageQuery, req);
  const { items, next } = await readPage(
    limit,
    (most) => edge.tokens.listTokens(after, most),
    ({ id }) => id,
  );
  sendJson(res, 200, { items: items.map(tokenJson), next });
}

async function revokeToken({ edge, req, res, requester, act }: Call): Promise<void> {
  fitQuery(noQuery, req);
  const id = pathParameter(req, 'id');
  if (!/^[0-9a-f]{16}$/.test(id)) throw notFound('token', requester.role);
  await edge.tokens.revokeToken(act, id);
  res.status(204).end();
}

const common = { permission: 'token:manage', scope: 'service', what: 'list of tokens' } as const;

export const tokenRoutes: readonly GuardedRoute[] = [
  { ...common, method: 'post', path: '/v1/tokens', handle: createToken },
  { ...common, method: 'get', path: '/v1/tokens', handle: listTokens },
  { ...common, method: 'delete', path: '/v1/tokens/:id', handle: revokeToken },
];
