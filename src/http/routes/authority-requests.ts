import { z } from 'zod';
import { encodePem } from '../../asn1/index.ts';
import { installAuthority, requestAuthority } from '../../ca/index.ts';
import { notFound } from '../../enrollment/index.ts';
import { PkiError } from '../../errors.ts';
import { formatName, parseCertificates, parseCsr } from '../../x509/index.ts';
import { authorityJson } from '../authority-json.ts';
import { readJson } from '../body.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { formatInstant } from '../instant.ts';
import { getFleet, NAME } from '../names.ts';
import { fitQuery, noQuery } from '../query.ts';
import { pathParameter, sendJson } from '../web.ts';
import { newAuthoritySchema, verifyKeyFields } from './authorities.ts';

export const authorityRequestSchema = newAuthoritySchema.omit({ name: true, kind: true });
export const installedSchema = z.strictObject({
  certificate: z
    .string()
    .min(1)
    .max(64 * 1024),
});

function nameIn({ req, requester }: Call): string {
  const name = pathParameter(req, 'authority');
  if (NAME.test(name)) return name;
  throw notFound('authority', requester.role);
}

async function postRequest(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { edge, act, res } = call;
  const fleet = await getFleet(call);
  const name = nameIn(call);
  const wish = await readJson(call, authorityRequestSchema);
  verifyKeyFields(wish);
  const { key, keyAlgorithm = 'ec-p256', tokenKey = null, profile = null, commonName = null } = wish;
  const made = await requestAuthority(edge.ca, act, fleet, {
    name,
    kind: 'issuing',
    keyAlgorithm,
    ...(key === 'token' ? { token: { key: tokenKey } } : {}),
    profile,
    commonName,
  });
  const { request, csr, isKnown, warnings } = made;
  sendJson(res, isKnown ? 200 : 201, {
    name: request.authority,
    profile: request.profile,
    keyId: request.keyId,
    subject: formatName(parseCsr(csr).subject),
    csr: encodePem('CERTIFICATE REQUEST', csr),
    createdAt: formatInstant(request.createdAt),
    warnings,
  });
}

async function postCertificate(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { edge, act, res } = call;
  const fleet = await getFleet(call);
  const name = nameIn(call);
  const { certificate: pem } = await readJson(call, installedSchema);
  const [certificate, second] = parseCertificates(pem);
  if (!certificate || second)
    throw new PkiError('bad-ca-certificate', "One certificate is due: the authority's alone.");
  const installed = await installAuthority(edge.ca, act, fleet, name, certificate, null);
  // Its CRL is there when the authority is.
  await edge.lists.look(fleet);
  sendJson(res, 201, authorityJson(installed, await edge.ca.ledger.listGenerations(fleet.id)));
}

const path = '/v1/fleets/:fleet/authorities/:authority';
const common = { method: 'post', scope: 'fleet', what: 'fleet', permission: 'authority:create' } as const;

export const authorityRequestRoutes: readonly GuardedRoute[] = [
  { ...common, path: `${path}/request`, handle: postRequest },
  { ...common, path: `${path}/certificate`, handle: postCertificate },
];
