import { z } from 'zod';
import {
  labelsSchema,
  mintToken,
  notFound,
  RIGHTS,
  ROLES,
  type StoredToken,
  type TokenBounds,
} from '../../enrollment/index.ts';
import { PkiError } from '../../errors.ts';
import { readJson } from '../body.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { formatInstant, formatInstantOrNull } from '../instant.ts';
import { nameSchema } from '../names.ts';
import { fitQuery, noQuery, pageQuery, readPage } from '../query.ts';
import { pathParameter, sendJson } from '../web.ts';

const DEFAULT_DAYS = 90;
/** As a request has. */
const MOST_LABELS = 16;
const count = z.int().min(1);

export const newTokenSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(128)
    .regex(/^\P{Cc}*$/u),
  role: z.enum(ROLES),
  fleet: nameSchema.nullable().optional(),
  rights: z.array(z.enum(RIGHTS)).max(RIGHTS.length).optional(),
  validityDays: z.int().min(1).max(3650).default(DEFAULT_DAYS),
  quota: z
    .strictObject({ total: count.optional(), perHour: count.optional() })
    .refine((quota) => Object.keys(quota).length > 0, 'must have total, perHour or both')
    .optional(),
  labels: labelsSchema
    .refine((labels) => Object.keys(labels).length <= MOST_LABELS, `must be at most ${MOST_LABELS}`)
    .optional(),
  profiles: z.array(z.string().min(1).max(63)).min(1).max(16).optional(),
  idPattern: z.string().min(1).max(128).optional(),
});

const boundsOf = ({
  quota,
  labels = {},
  profiles = [],
  idPattern,
}: z.infer<typeof newTokenSchema>): TokenBounds => ({
  quota: { total: quota?.total ?? null, perHour: quota?.perHour ?? null },
  labels,
  profiles,
  idPattern: idPattern ?? null,
});

/** Refuses `profile-unknown`: a profile that a fleet does not have is a slip that would show at the line. */
function verifyProfiles({ edge }: Call, profiles: readonly string[], target: string): void {
  const strange = profiles.find((name) => !edge.ca.policy.deviceProfile(target, name));
  if (strange === undefined) return;
  throw new PkiError('profile-unknown', `There is no device profile named ${strange} for this fleet.`);
}

/** A token without anything that could be used as one. */
const tokenJson = ({
  id,
  name,
  role,
  rights,
  fleet,
  createdAt,
  expiresAt,
  revokedAt,
  bounds,
  spent,
}: StoredToken) => ({
  id,
  name,
  role,
  rights,
  fleet,
  quota: bounds.quota,
  spent: {
    total: spent.total,
    hour: spent.hour && { began: formatInstant(spent.hour.began), count: spent.hour.count },
  },
  labels: bounds.labels,
  profiles: bounds.profiles,
  idPattern: bounds.idPattern,
  createdAt: formatInstant(createdAt),
  expiresAt: formatInstant(expiresAt),
  revokedAt: formatInstantOrNull(revokedAt),
});

const NOTHING = { total: 0, hour: null } as const;

async function createToken(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const wish = await readJson(call, newTokenSchema);
  const { name, role, fleet = null, rights = [], validityDays } = wish;
  const bounds = boundsOf(wish);
  const { ca, tokens } = call.edge;
  const found = fleet === null ? undefined : await ca.ledger.findFleet(fleet);
  if (fleet !== null && !found) throw new PkiError('not-found', `There is no fleet named ${fleet}.`);
  if (found) verifyProfiles(call, bounds.profiles, found.target);
  const asked = { name, role, fleet, rights, bounds, validityDays };
  const { record, secret } = mintToken(ca.random, call.act.at, asked);
  await tokens.recordToken(call.act, record);
  call.res.location(`/v1/tokens/${record.id}`);
  sendJson(call.res, 201, { ...tokenJson({ ...record, spent: NOTHING }), token: secret });
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
