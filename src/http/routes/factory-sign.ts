import { z } from 'zod';
import { renderSotaToml, SOTA_CONFIG_FOLDER } from '../../bundle/index.ts';
import { type Fleet, type Generation, pickIssuer } from '../../ca/index.ts';
import { fitJson, notFound, parseStrictJson, verifyNoPrivateKey } from '../../enrollment/index.ts';
import { PkiError } from '../../errors.ts';
import { verifyDeviceId } from '../../policy/index.ts';
import { encodeCertificatePem } from '../../x509/index.ts';
import { readJsonText } from '../body.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { contextFor, issuerOf } from '../fleet-profile.ts';
import { mediaTypeOf } from '../media-type.ts';
import { fitQuery } from '../query.ts';
import { sendJson } from '../web.ts';

/** What stands in quotes in a file of INI, and in a comment of nobody's. */
const HARDWARE_ID = /^[A-Za-z0-9][A-Za-z0-9._ -]{0,127}$/;
const FOLDER = /^(?:\/[A-Za-z0-9_-][A-Za-z0-9._-]*){1,16}\/?$/;
const MAX_CSR = 64 * 1024;

/**
 * As the registration clients of Foundries write it. They differ in what else they send: other names are
 * passed over, as the factories' own servers do.
 */
export const factorySignSchema = z.object({
  csr: z.string().min(1).max(MAX_CSR),
  'hardware-id': z.string().regex(HARDWARE_ID),
  name: z
    .string()
    .min(1)
    .max(256)
    .regex(/^\P{Cc}*$/u),
  uuid: z.string().min(1).max(64),
  overrides: z.record(z.string(), z.record(z.string(), z.string().nullable())).nullable().optional(),
  'sota-config-dir': z.string().max(256).regex(FOLDER, 'must be an absolute path of plain names').optional(),
});

const name = z.string().min(1).max(63).optional();
/** What the client's body has no word for: it stands in the URL that the client is configured with. */
const signQuery = z.strictObject({ authority: name, profile: name });

type Asked = z.infer<typeof factorySignSchema>;

async function readAsked(call: Call): Promise<Asked> {
  mediaTypeOf(call.req, ['application/json']);
  const text = await readJsonText(call);
  verifyNoPrivateKey(text);
  const asked = fitJson(factorySignSchema, parseStrictJson(text));
  verifyDeviceId(asked.uuid, 'lower-case-uuid');
  return asked;
}

type Ready = Fleet & { readonly gatewayUrl: string; readonly gatewayRoot: string };

/** The fleet of the token: the call names none. Refuses `bad-request`, `not-found`. */
async function getReadyFleet({ edge, requester }: Call): Promise<Ready> {
  if (requester.fleet === null) {
    throw new PkiError(
      'bad-request',
      'This call takes the fleet from the token, and this token is bound to none.',
    );
  }
  const fleet = await edge.ca.ledger.findFleet(requester.fleet);
  if (!fleet) throw notFound('fleet', requester.role);
  const { gatewayUrl, gatewayRoot } = fleet;
  if (gatewayUrl !== null && gatewayRoot !== null) return { ...fleet, gatewayUrl, gatewayRoot };
  throw new PkiError(
    'bad-request',
    'The fleet has no gatewayUrl or no gatewayRoot: the device would not know its gateway.',
  );
}

const configurationOf = (fleet: Ready, asked: Asked): string =>
  renderSotaToml({
    gatewayUrl: fleet.gatewayUrl,
    ostreeServer: fleet.settings.ostreeServer,
    hardwareId: asked['hardware-id'],
    configFolder: asked['sota-config-dir']?.replace(/\/$/, '') ?? SOTA_CONFIG_FOLDER,
    overrides: asked.overrides ?? {},
  });

/** The request as a line of a lot would have it. */
function lineOf({ csr, uuid, name, 'hardware-id': hardwareId }: Asked): Uint8Array {
  const labels = { name, 'hardware-id': hardwareId };
  return Buffer.from(JSON.stringify({ csr, deviceId: uuid, labels }), 'utf8');
}

const pemOf = ({ certificate }: Generation): string => encodeCertificatePem(certificate);

/** Signs as a factory's registration does. Everything that can be refused is, before anything is recorded. */
async function signForFactory(call: Call): Promise<void> {
  const { edge, res, requester, act } = call;
  const { authority = null, profile = null } = fitQuery(signQuery, call.req);
  const asked = await readAsked(call);
  const fleet = await getReadyFleet(call);
  const configuration = configurationOf(fleet, asked);
  const generations = await edge.ca.ledger.listGenerations(fleet.id);
  const issuer = issuerOf(pickIssuer(generations, authority));
  const context = { ...contextFor(edge.ca, fleet, requester, profile), issuer };
  const input = { form: 'line', octets: lineOf(asked) } as const;
  const outcome = await edge.issueTogether({ act, context, input });
  if (outcome.status === 'refused') throw outcome.refusal;
  const { certificate, status } = outcome;
  // A replayed certificate may be of an issuer that issues no longer.
  const signedBy = generations.find(({ id }) => id === certificate.issuerId);
  if (!signedBy) throw new Error('the issuer of a certificate is not in its fleet');
  const leaf = encodeCertificatePem(certificate.der);
  if (status === 'replayed') res.set('Idempotency-Replayed', 'true');
  res.location(`/v1/certificates/${Buffer.from(certificate.fingerprint).toString('hex')}`);
  // 201 in any case: the clients know no other success.
  sendJson(res, 201, {
    'root.crt': fleet.gatewayRoot,
    'sota.toml': configuration,
    'client.pem': leaf,
    'client.chained': `${leaf}\n${pemOf(signedBy)}`,
  });
}

export const factorySignRoutes: readonly GuardedRoute[] = [
  {
    method: 'post',
    path: '/sign',
    permission: 'certificate:request',
    scope: 'record',
    what: 'fleet',
    handle: signForFactory,
  },
];
