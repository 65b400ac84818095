import type { Invocation } from '../invocation.ts';
import { readSubjectWish } from './certify-device.ts';
import type { DeviceCredentials } from './device-credentials.ts';
import { gatewayRootsOf, openRegistration, type ProvisioningFiles, readGatewayUrl } from './gateway-facts.ts';
import { type CertProviderOptions, type Maker, unheeded } from './options.ts';
import { readProvisioningFiles } from './provisioning-files.ts';
import { signByServer } from './sign-by-server.ts';
import { signByService } from './sign-by-service.ts';
import { openFleetCa, signHere } from './sign-here.ts';
import type { Undelivered } from './undelivered.ts';

/** Who makes credentials, with everything read and checked that can be before a device is named. */
export interface Source {
  readonly warnings: readonly string[];
  /** Where credentials are made that cannot be had twice: the fleet, or the URL; null where they can. */
  readonly madeOnceAt: string | null;
  /** `undelivered` is there where they cannot be had twice. */
  make(deviceId: string, undelivered: Undelivered | null, signal: AbortSignal): Promise<DeviceCredentials>;
}

const DAY_MS = 86_400_000;

async function fleetCaSource(
  maker: Extract<Maker, { kind: 'fleet-ca' }>,
  options: CertProviderOptions,
  now: Date,
): Promise<Source> {
  const { passphraseFile, credentials, certificateC, certificateSt, certificateO, days, bits } = options;
  const ca = await openFleetCa({ ...maker, passphraseFile }, now);
  const subject = readSubjectWish({
    ...(certificateC === undefined ? {} : { country: certificateC }),
    ...(certificateSt === undefined ? {} : { stateOrProvince: certificateSt }),
    ...(certificateO === undefined ? {} : { organization: certificateO }),
  });
  const files = credentials === undefined ? undefined : await readProvisioningFiles(credentials);
  const gatewayRoots = files && options.rootCa ? gatewayRootsOf(files) : null;
  const gatewayUrl = files && options.serverUrl ? readGatewayUrl(files.url) : null;
  return {
    warnings: [],
    madeOnceAt: null,
    make: async (deviceId) => ({
      ...(await signHere(ca, { deviceId, subject, days }, bits, now)),
      gatewayRoots,
      gatewayUrl,
    }),
  };
}

/** What a server does not tell of its gateway in its answer, it has told in the archive. */
const completed = (
  answer: DeviceCredentials,
  files: ProvisioningFiles,
  { rootCa }: CertProviderOptions,
): DeviceCredentials => ({
  ...answer,
  gatewayRoots: answer.gatewayRoots ?? (rootCa ? gatewayRootsOf(files) : null),
  gatewayUrl: files.url,
});

async function serverSource(
  { credentials }: Extract<Maker, { kind: 'server' }>,
  options: CertProviderOptions,
): Promise<Source> {
  const files = await readProvisioningFiles(credentials);
  const registrar = { url: readGatewayUrl(files.url), credentials: openRegistration(files) };
  return {
    warnings: [],
    madeOnceAt: registrar.url,
    make: async (deviceId, undelivered, signal) =>
      completed(await signByServer(registrar, deviceId, undelivered, signal), files, options),
  };
}

/** Opens whoever makes the credentials. Rejects as each of them does. */
export async function openSource(
  invocation: Invocation,
  maker: Maker,
  options: CertProviderOptions,
  now: Date,
): Promise<Source> {
  const ignored = unheeded(maker, options);
  const warnings =
    ignored.length === 0 ? [] : [`${ignored.join(', ')}: left aside, since whoever signs decides that.`];
  switch (maker.kind) {
    case 'fleet-ca':
      return fleetCaSource(maker, options, now);
    case 'server':
      return { ...(await serverSource(maker, options)), warnings };
    case 'service': {
      const { bits, days, rootCa, serverUrl } = options;
      const gateway = rootCa || serverUrl ? 'wanted' : 'not wanted';
      const notAfter = days === undefined ? null : new Date(now.getTime() + days * DAY_MS);
      return {
        warnings,
        madeOnceAt: maker.fleet,
        make: (deviceId, undelivered) =>
          signByService(invocation, { fleet: maker.fleet, deviceId, bits, notAfter, gateway }, undelivered),
      };
    }
  }
}
