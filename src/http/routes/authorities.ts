import { z } from 'zod';
import {
  type AuthorityResult,
  createAuthority,
  type Fleet,
  type Generation,
  importIssuing,
  importOfflineRoot,
  importRoot,
  offlineListWarnings,
  readImportedKey,
} from '../../ca/index.ts';
import { fitJson, notFound } from '../../enrollment/index.ts';
import { PkiError, type Violation } from '../../errors.ts';
import { type Certificate, isSelfIssued, KEY_ALGORITHMS, parseCertificates } from '../../x509/index.ts';
import { authorityJson, withWarnings } from '../authority-json.ts';
import { readJsonValue } from '../body.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { mediaTypeOf } from '../media-type.ts';
import { commonNameSchema, getFleet, nameSchema } from '../names.ts';
import { fitQuery, noQuery } from '../query.ts';
import { pathParameter, sendJson } from '../web.ts';

export const newAuthoritySchema = z.strictObject({
  name: nameSchema,
  kind: z.enum(['root', 'issuing', 'registration']),
  keyAlgorithm: z.enum(KEY_ALGORITHMS).optional(),
  key: z.enum(['file', 'token']).default('file'),
  tokenKey: z
    .string()
    .regex(/^[^\p{Cc}]{1,255}$/u)
    .optional(),
  profile: z.string().min(1).max(63).optional(),
  commonName: commonNameSchema.optional(),
});

const MAX_PEM = 64 * 1024;

export const importedAuthoritySchema = z.strictObject({
  name: nameSchema,
  import: z.strictObject({
    certificate: z.string().min(1).max(MAX_PEM),
    /** Absent: it stays where it is, and the root is offline. */
    privateKey: z.string().min(1).max(MAX_PEM).optional(),
    passphrase: z.string().min(1).max(1024).optional(),
  }),
});

/** A key that is there is in the token, and is of the kind that it is. */
export function verifyKeyFields({
  key,
  keyAlgorithm,
  tokenKey,
}: Pick<z.output<typeof newAuthoritySchema>, 'key' | 'keyAlgorithm' | 'tokenKey'>): void {
  if (tokenKey === undefined) return;
  const violations: Violation[] = [];
  if (key !== 'token')
    violations.push({ at: '/key', message: 'must be token where tokenKey names a key in it' });
  if (keyAlgorithm !== undefined)
    violations.push({ at: '/keyAlgorithm', message: 'is for a key that is made, and tokenKey names one' });
  if (violations.length > 0)
    throw new PkiError('bad-json', 'The fields of the key contradict each other.', { violations });
}

/** Refuses `bad-pem`, `bad-der`, `bad-ca-certificate`. */
function readOne(pem: string): Certificate {
  const [certificate, second] = parseCertificates(pem);
  if (certificate && !second) return certificate;
  throw new PkiError('bad-ca-certificate', 'One certificate is due: the CA alone.');
}

type GivenAuthority = z.output<typeof importedAuthoritySchema>;

/** A root is its own issuer; every other CA stands under one that the fleet has. */
function takeAuthority(
  { edge: { ca }, act }: Call,
  fleet: Fleet,
  { name, import: given }: GivenAuthority,
): Promise<AuthorityResult> {
  const { certificate: pem, privateKey, passphrase = null } = given;
  const certificate = readOne(pem);
  const key = privateKey === undefined ? null : { privateKey, passphrase };
  if (!isSelfIssued(certificate)) {
    const own = key && readImportedKey(key);
    return importIssuing(ca, act, fleet, { name, certificate, key: own });
  }
  return key
    ? importRoot(ca, act, fleet, { name, certificate: pem, ...key })
    : importOfflineRoot(ca, act, fleet, { name, certificate, ceremony: null });
}

/** Which of the two forms is meant shows in `import`, so that violations name the fields of that form. */
function makeAuthority(call: Call, fleet: Fleet, body: unknown): Promise<AuthorityResult> {
  const { edge, act } = call;
  const { ca } = edge;
  if (typeof body === 'object' && body !== null && 'import' in body)
    return takeAuthority(call, fleet, fitJson(importedAuthoritySchema, body));
  const wish = fitJson(newAuthoritySchema, body);
  verifyKeyFields(wish);
  const {
    name,
    kind,
    key,
    keyAlgorithm = 'ec-p256',
    tokenKey = null,
    profile = null,
    commonName = null,
  } = wish;
  return createAuthority(ca, act, fleet, {
    name,
    kind,
    keyAlgorithm,
    ...(key === 'token' ? { token: { key: tokenKey } } : {}),
    profile,
    commonName,
  });
}

async function postAuthority(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const fleet = await getFleet(call);
  mediaTypeOf(call.req, ['application/json']);
  const made = await makeAuthority(call, fleet, await readJsonValue(call));
  // Its CRL is there when the authority is: a gateway that reads the files of the fleet now is not one short.
  await call.edge.lists.look(fleet);
  const all = await call.edge.ca.ledger.listGenerations(fleet.id);
  call.res.location(`/v1/fleets/${fleet.name}/authorities/${made.generation.authority}`);
  sendJson(call.res, 201, authorityJson(made, all));
}

/** With what its CRL needs of people, where its key is offline. */
async function withAllWarnings(
  { edge, act }: Call,
  fleet: Fleet,
  generation: Generation,
): Promise<AuthorityResult> {
  const { warnings } = withWarnings(generation, fleet);
  return { generation, warnings: [...warnings, ...(await offlineListWarnings(edge.ca, generation, act.at))] };
}

async function listAuthorities(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const fleet = await getFleet(call);
  const all = await call.edge.ca.ledger.listGenerations(fleet.id);
  const items = await Promise.all(
    all.map(async (generation) => authorityJson(await withAllWarnings(call, fleet, generation), all)),
  );
  sendJson(call.res, 200, { items, next: null });
}

async function showAuthority(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const fleet = await getFleet(call);
  const name = pathParameter(call.req, 'authority');
  const all = await call.edge.ca.ledger.listGenerations(fleet.id);
  const active = all.find(({ authority, state }) => authority === name && state === 'active');
  if (!active) throw notFound('authority', call.requester.role);
  sendJson(call.res, 200, authorityJson(await withAllWarnings(call, fleet, active), all));
}

const path = '/v1/fleets/:fleet/authorities';
const common = { scope: 'fleet', what: 'fleet' } as const;

export const authorityRoutes: readonly GuardedRoute[] = [
  { ...common, method: 'post', path, permission: 'authority:create', handle: postAuthority },
  { ...common, method: 'get', path, permission: 'authority:read', handle: listAuthorities },
  {
    ...common,
    method: 'get',
    path: `${path}/:authority`,
    permission: 'authority:read',
    handle: showAuthority,
  },
];
