import { z } from 'zod';
import type { LayoutName } from '../../bundle/index.ts';
import {
  type Fleet,
  pickIssuer,
  type RequestInput,
  type StoredCertificate,
  unlistedWarnings,
} from '../../ca/index.ts';
import {
  certificateRequestSchema,
  fitJson,
  isAllowed,
  notFound,
  type Permission,
  parseStrictJson,
  REVOKE_OLD,
  verifyNoPrivateKey,
} from '../../enrollment/index.ts';
import { PkiError } from '../../errors.ts';
import { readJson, readJsonText, readPkcs10 } from '../body.ts';
import { layoutFor, layoutSchema, lineOf, verifyBundlePossible } from '../bundles.ts';
import { negotiateForm, sendCertificate } from '../certificate-forms.ts';
import { type CertificateView, certificateJson } from '../certificate-json.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { contextFor, issuerOf } from '../fleet-profile.ts';
import { formatInstantOrNull } from '../instant.ts';
import { mediaTypeOf } from '../media-type.ts';
import { getFleet } from '../names.ts';
import { fitQuery, noQuery } from '../query.ts';
import { revocationSchema } from '../revocation.ts';
import { SERIAL, serialOctets } from '../serial.ts';
import { pathParameter, sendJson } from '../web.ts';

/** Of a bundle, where that is the form of the answer. */
const layoutQuery = z.strictObject({ layout: layoutSchema.optional() });

const text = (max: number) => z.string().min(1).max(max);

/** What goes beside a raw PKCS#10 request. */
const pkcs10Query = layoutQuery.extend({
  deviceId: text(256).optional(),
  profile: text(63).optional(),
  authority: text(63).optional(),
  notAfter: z.iso.datetime({ offset: true }).optional(),
  supersede: text(256).optional(),
  revokeOld: z.enum(REVOKE_OLD).optional(),
});

interface Asked {
  readonly input: RequestInput;
  readonly profile: string | null;
  readonly authority: string | null;
  readonly layout: LayoutName | undefined;
}

async function readJsonRequest(call: Call): Promise<Asked> {
  const { layout } = fitQuery(layoutQuery, call.req);
  const text = await readJsonText(call);
  verifyNoPrivateKey(text);
  const { authority = null, ...row } = fitJson(certificateRequestSchema, parseStrictJson(text));
  const input = { form: 'line', octets: Buffer.from(JSON.stringify(row), 'utf8') } as const;
  return { input, profile: row.profile ?? null, authority, layout };
}

async function readRawRequest(call: Call): Promise<Asked> {
  const {
    authority = null,
    supersede: reason,
    revokeOld,
    layout,
    ...fields
  } = fitQuery(pkcs10Query, call.req);
  if (reason === undefined && revokeOld !== undefined)
    throw new PkiError('bad-request', '`revokeOld` goes with `supersede`.');
  const all = { ...fields, ...(reason === undefined ? {} : { supersede: { reason, revokeOld } }) };
  const input = { form: 'request', octets: await readPkcs10(call), fields: JSON.stringify(all) } as const;
  return { input, profile: fields.profile ?? null, authority, layout };
}

const readRequest = (call: Call): Promise<Asked> =>
  mediaTypeOf(call.req, ['application/json', 'application/pkcs10']) === 'application/json'
    ? readJsonRequest(call)
    : readRawRequest(call);

/** One request through the cycle. Everything that can be refused is, before anything is recorded. */
async function requestCertificate(call: Call): Promise<void> {
  const { edge, req, res, requester, act } = call;
  const fleet = await getFleet(call);
  const form = negotiateForm(req, res);
  const { input, profile, authority, layout: name } = await readRequest(call);
  const layout = layoutFor(form, name);
  const generations = await edge.ca.ledger.listGenerations(fleet.id);
  const issuer = issuerOf(pickIssuer(generations, authority));
  if (form === 'application/zip')
    verifyBundlePossible(layout, lineOf(fleet, generations, issuer.id, act.at), 'elsewhere');
  const context = { ...contextFor(edge.ca, fleet, requester, profile), issuer };
  const outcome = await edge.issueTogether({ act, context, input });
  if (outcome.status === 'refused') throw outcome.refusal;

  const { certificate, status, warnings } = outcome;
  if (certificate.revokeOld === 'now') edge.lists.soon();
  const replayed = status === 'replayed';
  if (replayed) res.set('Idempotency-Replayed', 'true');
  res.status(replayed ? 200 : 201).location(`/v1/certificates/${fingerprintOf(certificate)}`);
  await sendCertificate(res, form, { certificate, fleet, generations, now: act.at, warnings }, layout);
}

const fingerprintOf = ({ fingerprint }: StoredCertificate): string =>
  Buffer.from(fingerprint).toString('hex');

const viewOf = async (
  { edge, act }: Call,
  certificate: StoredCertificate,
  fleet: Fleet,
): Promise<CertificateView> => ({
  certificate,
  fleet,
  generations: await edge.ca.ledger.listGenerations(fleet.id),
  now: act.at,
});

const FINGERPRINT = /^[0-9a-f]{64}$/;

function findById({ edge }: Call, id: string): Promise<readonly StoredCertificate[]> {
  if (FINGERPRINT.test(id))
    return edge.ca.ledger.findCertificate(Buffer.from(id, 'hex')).then((found) => (found ? [found] : []));
  return SERIAL.test(id) ? edge.ca.ledger.findCertificatesBySerial(serialOctets(id)) : Promise.resolve([]);
}

/** The certificate that the path names, if the requester may. Refuses `not-found`. */
async function getCertificate(
  call: Call,
  permission: Permission,
): Promise<{ certificate: StoredCertificate; fleet: Fleet }> {
  const found = await findById(call, pathParameter(call.req, 'id').toLowerCase());
  const candidates = await Promise.all(
    found.map(async (certificate) => ({
      certificate,
      fleet: await call.edge.ca.ledger.findFleetById(certificate.fleetId),
    })),
  );
  const own = candidates.flatMap(({ certificate, fleet }) =>
    fleet && isAllowed(call.requester, permission, fleet.name) ? [{ certificate, fleet }] : [],
  );
  const [first, second] = own;
  if (second) {
    throw new PkiError('not-found', 'Several certificates carry this serial number: use the fingerprint.');
  }
  if (!first) throw notFound('certificate', call.requester.role);
  return first;
}

async function showCertificate(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { certificate, fleet } = await getCertificate(call, 'certificate:read');
  sendJson(call.res, 200, certificateJson(await viewOf(call, certificate, fleet), []));
}

async function revokeCertificate(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { certificate, fleet } = await getCertificate(call, 'certificate:revoke');
  const { reason } = await readJson(call, revocationSchema);
  const revoked = await call.edge.ca.ledger.markRevoked(call.act, certificate.fingerprint, reason);
  call.edge.lists.soon();
  const view = await viewOf(call, revoked, fleet);
  sendJson(call.res, 200, certificateJson(view, unlistedWarnings(view.generations, revoked.issuerId)));
}

/** A gateway has seen the certificate. Only what its first handshake revokes is more than a note. */
async function reportSeen(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { certificate, fleet } = await getCertificate(call, 'handshake:report');
  const seen = await call.edge.ca.devices.recordSeen(call.act, certificate.fingerprint);
  if (seen.revoked > 0) call.edge.lists.soon();
  sendJson(call.res, 200, {
    id: fingerprintOf(certificate),
    fleet: fleet.name,
    deviceId: certificate.deviceId,
    seenAt: formatInstantOrNull(seen.certificate.seenAt),
    revoked: seen.revoked,
  });
}

/** The client has the key: its envelope goes. */
async function acknowledgeKey(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { certificate, fleet } = await getCertificate(call, 'certificate:request');
  await call.edge.ca.ledger.acknowledgeKey(call.act, certificate.fingerprint);
  sendJson(call.res, 200, certificateJson(await viewOf(call, certificate, fleet), []));
}

export const certificateRoutes: readonly GuardedRoute[] = [
  {
    method: 'post',
    path: '/v1/fleets/:fleet/certificates',
    permission: 'certificate:request',
    scope: 'fleet',
    what: 'fleet',
    handle: requestCertificate,
  },
  {
    method: 'get',
    path: '/v1/certificates/:id',
    permission: 'certificate:read',
    scope: 'record',
    what: 'certificate',
    handle: showCertificate,
  },
  {
    method: 'post',
    path: '/v1/certificates/:id/revoke',
    permission: 'certificate:revoke',
    scope: 'record',
    what: 'certificate',
    handle: revokeCertificate,
  },
  {
    method: 'post',
    path: '/v1/certificates/:id/seen',
    permission: 'handshake:report',
    scope: 'record',
    what: 'certificate',
    handle: reportSeen,
  },
  {
    method: 'post',
    path: '/v1/certificates/:id/acknowledge',
    permission: 'certificate:request',
    scope: 'record',
    what: 'certificate',
    handle: acknowledgeKey,
  },
];
