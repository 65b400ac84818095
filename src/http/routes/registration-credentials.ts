import { z } from 'zod';
import { encodePem, parsePem } from '../../asn1/index.ts';
import { createRegistration, type Fleet, type Registration } from '../../ca/index.ts';
import { notFound } from '../../enrollment/index.ts';
import { PkiError } from '../../errors.ts';
import { MAX_REGISTRATION_DAYS } from '../../policy/index.ts';
import { encodePkcs12 } from '../../x509/index.ts';
import { readJson } from '../body.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { formatInstant, formatInstantOrNull } from '../instant.ts';
import { getFleet, reasonSchema } from '../names.ts';
import { fitQuery, noQuery, pageQuery, readPage } from '../query.ts';
import { pathParameter, sendJson } from '../web.ts';

const DEFAULT_DAYS = 90;
const MOST_DEVICES = 1_000_000_000;
const optionalName = z.string().min(1).max(63).nullable().optional();

export const newRegistrationSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(128)
    .regex(/^\P{Cc}*$/u),
  maxDevices: z.int().min(1).max(MOST_DEVICES),
  validityDays: z.int().min(1).max(MAX_REGISTRATION_DAYS).default(DEFAULT_DAYS),
  authority: optionalName,
  profile: optionalName,
});

export const registrationRevocationSchema = z.strictObject({ reason: reasonSchema });

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

const registrationJson = (registration: Registration, fleet: Fleet) => ({
  id: registration.id,
  fleet: fleet.name,
  name: registration.name,
  maxDevices: registration.maxDevices,
  registered: registration.registered,
  authority: registration.authority,
  profile: registration.profile,
  serial: hex(registration.serial),
  fingerprint: hex(registration.fingerprint),
  notBefore: formatInstant(registration.notBefore),
  notAfter: formatInstant(registration.notAfter),
  createdAt: formatInstant(registration.createdAt),
  revokedAt: formatInstantOrNull(registration.revokedAt),
  revocationReason: registration.revocationReason,
  certificate: encodePem('CERTIFICATE', registration.certificate),
});

/**
 * The CAs that a device is handed to know servers by: the gateway's, and the service's own, whichever of
 * them answers at `autoprov.url`. Refuses `bad-request` where the fleet has no gateway root.
 */
function serverAuthorities({ edge }: Call, { name, gatewayRoot }: Fleet): readonly Uint8Array[] {
  if (gatewayRoot === null) {
    throw new PkiError(
      'bad-request',
      `The fleet ${name} has no gatewayRoot: devices that register would not know their gateway.`,
    );
  }
  const all = [...parsePem(gatewayRoot).map(({ der }) => der), ...edge.serverAuthorities()];
  return [...new Map(all.map((der) => [hex(der), der])).values()];
}

async function createCredentials(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { edge, res, act } = call;
  const fleet = await getFleet(call);
  const { authority = null, profile = null, ...wish } = await readJson(call, newRegistrationSchema);
  const authorities = serverAuthorities(call, fleet);
  const asked = { ...wish, authority, profile };
  const { registration, privateKey } = await createRegistration(edge.ca, act, fleet, asked, edge.makeKey);
  const file = encodePkcs12(
    {
      privateKey,
      certificates: [registration.certificate, ...authorities],
      friendlyName: `${fleet.name} ${registration.id}`,
    },
    // What the tools of devices read; the passphrase is the empty one, by their contract.
    { passphrase: '', protection: 'pbe-sha1-3des', random: edge.ca.random },
  );
  privateKey.fill(0);
  res
    .status(201)
    .location(`/v1/fleets/${fleet.name}/registration-credentials/${registration.id}`)
    .set('Content-Type', 'application/x-pkcs12')
    .set('Content-Disposition', 'attachment; filename="autoprov_credentials.p12"')
    .send(Buffer.from(file));
}

async function listCredentials(call: Call): Promise<void> {
  const { after, limit } = fitQuery(pageQuery, call.req);
  const fleet = await getFleet(call);
  const { items, next } = await readPage(
    limit,
    (most) => call.edge.ca.registrations.listRegistrations(fleet.id, after, most),
    ({ id }) => id,
  );
  sendJson(call.res, 200, { items: items.map((one) => registrationJson(one, fleet)), next });
}

/** What the path names. Refuses `not-found`. */
async function getCredentials(call: Call): Promise<{ registration: Registration; fleet: Fleet }> {
  const fleet = await getFleet(call);
  const id = pathParameter(call.req, 'id');
  const known = /^[0-9a-f]{16}$/.test(id);
  const registration = known ? await call.edge.ca.registrations.findRegistrationById(id) : undefined;
  if (registration?.fleetId === fleet.id) return { registration, fleet };
  throw notFound('registration credential', call.requester.role);
}

async function showCredentials(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { registration, fleet } = await getCredentials(call);
  sendJson(call.res, 200, registrationJson(registration, fleet));
}

async function revokeCredentials(call: Call): Promise<void> {
  fitQuery(noQuery, call.req);
  const { registration, fleet } = await getCredentials(call);
  const { reason } = await readJson(call, registrationRevocationSchema);
  const revoked = await call.edge.ca.registrations.revokeRegistration(call.act, registration.id, reason);
  sendJson(call.res, 200, registrationJson(revoked, fleet));
}

const path = '/v1/fleets/:fleet/registration-credentials';
const common = { scope: 'fleet', what: 'fleet' } as const;
const manage = { ...common, method: 'post', permission: 'registration:manage' } as const;
const read = { ...common, method: 'get', permission: 'registration:read' } as const;

export const registrationCredentialRoutes: readonly GuardedRoute[] = [
  { ...manage, path, handle: createCredentials },
  { ...read, path, handle: listCredentials },
  { ...read, path: `${path}/:id`, handle: showCredentials },
  { ...manage, path: `${path}/:id/revoke`, handle: revokeCredentials },
];
