import { z } from 'zod';
import { parsePem } from '../../asn1/index.ts';
import { verifyFindings } from '../../bundle/index.ts';
import type { CaContext, Fleet } from '../../ca/index.ts';
import {
  type CheckReport,
  checkBundle,
  type GivenFile,
  type JudgedBundle,
  readTarBundle,
  readZip,
  registersDevices,
  tryGateway,
  tryLocally,
} from '../../check/index.ts';
import { PkiError } from '../../errors.ts';
import { TARGETS, type TargetName } from '../../policy/index.ts';
import { systemRandom } from '../../random.ts';
import { readGatewayCrls, readPublication } from '../../status/index.ts';
import { type ForeignCrl, parseForeignCertificate, parseForeignCrl } from '../../x509/index.ts';
import { readBundleOctets } from '../body.ts';
import { layoutSchema } from '../bundles.ts';
import { getBundle } from '../device-bundle.ts';
import type { Call, GuardedRoute } from '../edge.ts';
import { mediaTypeOf } from '../media-type.ts';
import { getFleet } from '../names.ts';
import { fitQuery } from '../query.ts';
import { sendJson } from '../web.ts';

/** A bundle has five files of some kilobytes; what is posted here is judged beside everything else that is asked. */
const LIMITS = { files: 64, fileOctets: 128 * 1024, octets: 512 * 1024 } as const;

/** Each try holds a socket, and a gateway that does not answer holds it for a minute. */
const MOST_TRIES = 4;

const flag = z.enum(['true', 'false']).default('false');
const trialQuery = z.strictObject({
  deviceId: z.string().min(1).max(256).optional(),
  layout: layoutSchema.optional(),
  gateway: flag,
  mayRegister: flag,
});
type Wish = z.infer<typeof trialQuery>;

/** The bundle as the service makes it now. */
async function bundleOfDevice(call: Call, deviceId: string, layout: Wish['layout'] = 'device') {
  const { bundle } = await getBundle(call, deviceId, layout);
  verifyFindings(bundle.findings);
  return bundle.layOut().flatMap(({ name, files }) =>
    files.map(
      (file): GivenFile => ({
        path: name === '' ? file.name : `${name}/${file.name}`,
        mode: file.mode,
        content: file.content,
      }),
    ),
  );
}

/** The files to judge: those of a device that is named, else those that are posted. */
async function filesOf(call: Call, { deviceId, layout }: Wish): Promise<readonly GivenFile[]> {
  if (deviceId !== undefined) return bundleOfDevice(call, deviceId, layout);
  if (layout !== undefined)
    throw new PkiError('bad-request', 'layout belongs to deviceId: a bundle that is posted has its own.');
  const type = mediaTypeOf(call.req, ['application/zip', 'application/x-tar', 'application/gzip']);
  const octets = await readBundleOctets(call);
  return type === 'application/zip' ? readZip(octets, LIMITS) : readTarBundle(octets, LIMITS);
}

/** None where a CA of the fleet may not sign any: then the gateway has none either. */
async function listsOf(ca: CaContext, { name }: Fleet): Promise<readonly ForeignCrl[]> {
  try {
    const pem = await readGatewayCrls(ca, name);
    return parsePem(pem).map(({ der }) => parseForeignCrl(der));
  } catch (refusal) {
    if (refusal instanceof PkiError && refusal.code === 'crl-not-possible') return [];
    throw refusal;
  }
}

/** Rules of an OTA server that we know. */
const targetOf = ({ target }: Fleet): TargetName => TARGETS.find((one) => one === target) ?? 'generic';

/** Judged by what the fleet publishes, as a gateway has it that does what the fleet's settings say. */
async function judge({ edge, act }: Call, fleet: Fleet, files: readonly GivenFile[]): Promise<JudgedBundle> {
  const { root, trustBundle } = await readPublication(edge.ca, fleet.name);
  const trusted = fleet.settings.gatewayTrusts === 'fleet-root' ? root.pem : trustBundle;
  return checkBundle({
    files,
    target: targetOf(fleet),
    trust: parsePem(trusted).map(({ der }) => parseForeignCertificate(der)),
    crls: await listsOf(edge.ca, fleet),
    passphrase: '',
    now: act.at,
  });
}

/**
 * The fleet's gateway, where the service may call it. Nothing of the call says where: the URL is the fleet's, and
 * its host and port are among those that the operator has named, so that nobody calls the inside of a network by
 * way of this service. Refuses `gateway-not-allowed`.
 */
function gatewayOf({ edge }: Call, fleet: Fleet, { mayRegister }: Wish): URL {
  const { gatewayUrl } = fleet;
  if (gatewayUrl === null)
    throw new PkiError('gateway-not-allowed', 'The fleet has no gatewayUrl that could be called.');
  const url = new URL(gatewayUrl);
  if (!edge.gateways.includes(url.host))
    throw new PkiError(
      'gateway-not-allowed',
      `The service calls no gateway that its operator has not named in check.gateways: ${url.host} is not among them.`,
    );
  if (registersDevices(url, targetOf(fleet)) && mayRegister === 'false')
    throw new PkiError(
      'gateway-not-allowed',
      'OTA Connect takes an unknown device in at its first valid connection: with mayRegister=true this one would be registered.',
    );
  return url;
}

let tries = 0;

async function tryOut(call: Call, judged: JudgedBundle, url: URL | null): Promise<CheckReport> {
  if (tries >= MOST_TRIES) throw new PkiError('busy', `${MOST_TRIES} bundles are being tried already.`);
  const around = { clock: call.edge.ca.clock, random: systemRandom };
  tries += 1;
  try {
    return await (url === null
      ? tryLocally(judged, around)
      : tryGateway(judged, url, { ...around, asksOpenssl: false }));
  } finally {
    tries -= 1;
  }
}

async function tryBundle(call: Call): Promise<void> {
  const wish = fitQuery(trialQuery, call.req);
  const fleet = await getFleet(call);
  const url = wish.gateway === 'true' ? gatewayOf(call, fleet, wish) : null;
  const judged = await judge(call, fleet, await filesOf(call, wish));
  const report = await tryOut(call, judged, url);
  sendJson(call.res, 200, { fleet: fleet.name, gateway: url?.origin ?? null, ...report });
}

export const checkRoutes: readonly GuardedRoute[] = [
  {
    method: 'post',
    path: '/v1/fleets/:fleet/check',
    permission: 'bundle:try',
    scope: 'fleet',
    what: 'fleet',
    handle: tryBundle,
  },
];
