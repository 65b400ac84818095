import { randomUUID, X509Certificate } from 'node:crypto';
import { systemClock } from '../../clock.ts';
import { FolderError } from '../../folder.ts';
import { verifyDeviceId } from '../../policy/index.ts';
import { interruptible } from '../interruptible.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { sayWarnings, show } from '../output.ts';
import { formatFields } from '../table.ts';
import { readDeviceConfig } from './device-config.ts';
import type { DeviceCredentials } from './device-credentials.ts';
import { verifyRsaBits } from './device-key.ts';
import { type DevicePaths, pathsIn, pathsOf } from './device-paths.ts';
import { readGatewayUrl, urlWarnings } from './gateway-facts.ts';
import { openPlaces } from './open-places.ts';
import { type CertProviderOptions, type Maker, readMaker } from './options.ts';
import type { PlacedFile } from './place.ts';
import { openSource } from './source.ts';
import { openUndelivered, type Undelivered, untilDelivered } from './undelivered.ts';

/** The paths that are written, in the order in which the files are put there: the key before its certificate. */
function writtenPaths(paths: DevicePaths, { rootCa, serverUrl }: CertProviderOptions): readonly string[] {
  const written = [
    ...(rootCa ? [paths.rootCa] : []),
    ...(serverUrl ? [paths.serverUrl] : []),
    paths.privateKey,
    paths.certificate,
  ];
  if (new Set(written).size === written.length) return written;
  throw new LocalFailure('usage', 'Two of the files would have the same name.');
}

function filesOf(
  credentials: DeviceCredentials,
  paths: DevicePaths,
  { rootCa, serverUrl }: CertProviderOptions,
): readonly PlacedFile[] {
  const { privateKey, chain, gatewayRoots, gatewayUrl } = credentials;
  if (rootCa && gatewayRoots === null)
    throw new LocalFailure('usage', "root.crt cannot be written: nobody told the gateway's root.");
  return [
    ...(rootCa ? [{ path: paths.rootCa, content: gatewayRoots ?? '' }] : []),
    // No newline: the device appends its paths to the octets as they are.
    ...(serverUrl ? [{ path: paths.serverUrl, content: readGatewayUrl(gatewayUrl) }] : []),
    { path: paths.privateKey, content: privateKey },
    { path: paths.certificate, content: chain },
  ];
}

const MADE_BY: Readonly<Record<Maker['kind'], string>> = {
  'fleet-ca': 'the fleet CA',
  server: 'the server of the credentials',
  service: 'the service',
};

interface Told {
  readonly deviceId: string;
  readonly madeBy: Maker['kind'];
  readonly serial: string;
  readonly notBefore: string;
  readonly notAfter: string;
  /** As the device names them. */
  readonly files: readonly string[];
  readonly places: readonly string[];
  readonly warnings: readonly string[];
}

const lines = (told: Told): string =>
  formatFields([
    ['device', told.deviceId],
    ['made by', MADE_BY[told.madeBy]],
    ['serial', told.serial],
    ['valid', `${told.notBefore} to ${told.notAfter}`],
    ['files', told.files.join(' ')],
    ['put on', told.places.join(' ')],
  ]);

const instant = (date: Date): string => date.toISOString().replace('.000Z', 'Z');

function facts(chain: string): Pick<Told, 'deviceId' | 'serial' | 'notBefore' | 'notAfter'> {
  const certificate = new X509Certificate(chain);
  return {
    deviceId: String(certificate.toLegacyObject().subject.CN),
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: instant(new Date(certificate.validFrom)),
    notAfter: instant(new Date(certificate.validTo)),
  };
}

const KEEP = 'fleetca-undelivered';

/**
 * The place for what cannot be had twice; null where it can. Where nobody named one and there can be none,
 * as in a folder that is read-only, a script of before still has to get on: then a warning has to do.
 */
async function openKeeping(
  { output }: Invocation,
  { keep }: CertProviderOptions,
  madeBy: Maker['kind'],
  at: string | null,
  deviceId: string,
): Promise<Undelivered | null> {
  if (at === null || madeBy === 'fleet-ca') return null;
  try {
    return await openUndelivered(keep ?? KEEP, { deviceId, madeBy, at });
  } catch (failure) {
    const isPlaceless = failure instanceof LocalFailure && failure.cause instanceof FolderError;
    if (keep !== undefined || !isPlaceless) throw failure;
    output.say(`warning: ${failure.message} If the files do not arrive, the key is lost: give --keep.`);
    return null;
  }
}

/** `cert-provider`: a key and a certificate for one device, made and put in place. */
export async function certProvider(invocation: Invocation, options: CertProviderOptions): Promise<undefined> {
  const { output } = invocation;
  // Step 1: judge all that was given, before anything is made.
  const maker = readMaker(options);
  verifyRsaBits(options.bits);
  const deviceId = options.certificateCn ?? randomUUID();
  verifyDeviceId(deviceId, 'any');
  const { config, directory } = options;
  const paths = config === undefined ? pathsIn(directory) : pathsOf(await readDeviceConfig(config));
  const written = writtenPaths(paths, options);
  const source = await openSource(invocation, maker, options, systemClock.now());

  await interruptible(
    async (signal) => {
      // Step 2: make sure of the places.
      const places = await openPlaces(options, written, signal);
      try {
        const undelivered = await openKeeping(invocation, options, maker.kind, source.madeOnceAt, deviceId);
        const credentials = await untilDelivered(undelivered, async () => {
          // Step 3: key and certificate.
          const made = await source.make(deviceId, undelivered, signal);
          const files = filesOf(made, paths, options);

          // Step 4: put them there.
          for (const place of places.all) await place.put(files);
          return made;
        });
        const warnings = [
          ...source.warnings,
          ...credentials.warnings,
          ...(options.serverUrl ? urlWarnings(readGatewayUrl(credentials.gatewayUrl)) : []),
        ];
        sayWarnings(output, warnings);
        const told: Told = {
          ...facts(credentials.chain),
          madeBy: maker.kind,
          files: written,
          places: places.all.map(({ name }) => name),
          warnings,
        };
        await show(output, told, lines);
      } finally {
        await places.close();
      }
    },
    () => ({
      message: 'cert-provider was stopped.',
      hint: `the files are all there, or none is; a key that cannot be had twice lies in ${options.keep ?? KEEP} until they are: give the command again, with the same --certificate-cn`,
    }),
  );
}
