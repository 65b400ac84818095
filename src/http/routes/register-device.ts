import { z } from 'zod';
import { parsePem } from '../../asn1/index.ts';
import {
  certificatesAbove,
  type Fleet,
  type Generation,
  generationCertificate,
  type IssueOutcome,
  pickIssuer,
} from '../../ca/index.ts';
import { PkiError, type RefusalCode } from '../../errors.ts';
import { notAfterOfLifetime } from '../../policy/index.ts';
import { encodePkcs12 } from '../../x509/index.ts';
import { readJson } from '../body.ts';
import type { RegistrationCall, RegistrationRoute } from '../edge.ts';
import { contextFor, issuerOf } from '../fleet-profile.ts';
import { fitQuery, noQuery } from '../query.ts';
import { DEFAULT_KEY_ALGORITHM } from '../recipient.ts';

/** Days; more than any profile grants, so that what clients send is only ever capped. */
const MAX_TTL = 1_000_000;

/**
 * As the clients send it. `ttl` is days: aktualizr fills it from its setting `provision.expiry_days`, whose
 * default is the text "36000" (its configuration reference, and libaktualizr's initializer), and
 * cert-provider sends that default as a number. No public page of a server names the unit, so it is never
 * taken for more than the profile grants.
 */
export const deviceRegistrationSchema = z.strictObject({
  deviceId: z
    .string()
    .min(1)
    .max(256)
    .regex(/^[^\0]*$/),
  ttl: z
    .union([
      z.int(),
      z
        .string()
        .regex(/^[0-9]{1,7}$/, 'must be a whole number of days')
        .transform(Number),
    ])
    .pipe(z.int().min(1).max(MAX_TTL))
    .optional(),
});

/** What the cycle calls a device whose ID is taken. To the device that registers they are one. */
const TAKEN: ReadonlySet<RefusalCode> = new Set([
  'key-not-recoverable',
  'device-has-other-key',
  'device-id-twin',
  'key-retired',
  'request-differs',
]);

function refusalForDevice(refusal: PkiError): PkiError {
  if (!TAKEN.has(refusal.code)) return refusal;
  return new PkiError('device_already_registered', 'The device ID is taken in this fleet.', {
    facts: { ...refusal.facts, because: refusal.code },
    cause: refusal,
  });
}

type Issued = Exclude<IssueOutcome, { readonly status: 'refused' }>;

/** Key and certificate, then what is above it, then what the gateway is known by. */
function pkcs12Of(
  { edge }: RegistrationCall,
  { certificate, deviceId }: Issued,
  privateKey: Uint8Array,
  generations: readonly Generation[],
  gatewayRoot: string,
): Uint8Array {
  const gateway = parsePem(gatewayRoot).map(({ der }) => der);
  const certificates = [certificate.der, ...certificatesAbove(generations, certificate.issuerId), ...gateway];
  return encodePkcs12(
    { privateKey, certificates, friendlyName: deviceId },
    { passphrase: '', protection: 'pbe-sha1-3des', random: edge.ca.random },
  );
}

/** The fleet with what a device must be told. Refuses `bad-request`: before anything is recorded. */
async function getReadyFleet({
  edge,
  registration,
}: RegistrationCall): Promise<Fleet & { readonly gatewayRoot: string }> {
  const fleet = await edge.ca.ledger.findFleetById(registration.fleetId);
  if (!fleet) throw new Error('the fleet of registration credentials is not there');
  const { gatewayRoot } = fleet;
  if (gatewayRoot !== null) return { ...fleet, gatewayRoot };
  throw new PkiError('bad-request', 'The fleet has no gatewayRoot: the device would not know its gateway.');
}

/**
 * A device registers: key and certificate are made for it as for a station's request, and go out as
 * PKCS#12 with the empty passphrase, once.
 */
async function registerDevice(call: RegistrationCall): Promise<void> {
  fitQuery(noQuery, call.req);
  const { edge, res, requester, act, registration } = call;
  const { ca } = edge;
  const { deviceId, ttl = null } = await readJson(call, deviceRegistrationSchema);
  const fleet = await getReadyFleet(call);
  const generations = await ca.ledger.listGenerations(fleet.id);
  const picked = pickIssuer(generations, registration.authority);
  const terms = contextFor(ca, fleet, requester, registration.profile);
  const profile = ca.policy.deviceProfile(fleet.target, terms.profile);
  if (!profile) throw new Error('a profile that was found is not there');
  const notAfter = notAfterOfLifetime(profile, generationCertificate(picked), act.at, ttl);
  const line = JSON.stringify({ deviceId, ...(notAfter ? { notAfter: notAfter.toISOString() } : {}) });
  const making = { algorithm: DEFAULT_KEY_ALGORITHM, recipient: null };
  const outcome = await edge.issueTogether({
    act,
    context: { ...terms, issuer: issuerOf(picked), making },
    input: { form: 'line', octets: Buffer.from(line, 'utf8') },
  });
  if (outcome.status === 'refused') throw refusalForDevice(outcome.refusal);
  const { privateKey } = outcome;
  if (privateKey === null) throw new Error('a device was registered without its key');
  const file = pkcs12Of(call, outcome, privateKey, generations, fleet.gatewayRoot);
  privateKey.fill(0);
  // 200, as the clients know it.
  res.status(200).set('Content-Type', 'application/x-pkcs12').send(Buffer.from(file));
}

export const registerDeviceRoutes: readonly RegistrationRoute[] = [
  { method: 'post', path: '/devices', handle: registerDevice },
];
