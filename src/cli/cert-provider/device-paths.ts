import { posix } from 'node:path';
import { LocalFailure } from '../local-failure.ts';
import type { DeviceConfig } from './device-config.ts';

/** Where aktualizr looks for credentials that it did not fetch itself. */
const IMPORT = '/var/sota/import';

/** Where each file goes, as the device names it. */
export interface DevicePaths {
  readonly privateKey: string;
  readonly certificate: string;
  readonly rootCa: string;
  readonly serverUrl: string;
}

const DEFAULT_NAMES: DevicePaths = {
  privateKey: 'pkey.pem',
  certificate: 'client.pem',
  rootCa: 'root.crt',
  serverUrl: 'gateway.url',
};

/** A relative name lies in the directory; an absolute one is taken as it is. */
const within = (directory: string, name: string): string =>
  posix.normalize(posix.isAbsolute(name) ? name : posix.join(directory, name));

function verifyName(path: string): string {
  if (path.includes('\0') || /[\r\n]/.test(path) || path.endsWith('/')) {
    throw new LocalFailure('usage', `${JSON.stringify(path)} is no name for a file on a device.`);
  }
  return path;
}

/** The paths below a directory, by the names that aktualizr's manual gives them. */
export const pathsIn = (directory: string = IMPORT): DevicePaths => ({
  privateKey: verifyName(within(directory, DEFAULT_NAMES.privateKey)),
  certificate: verifyName(within(directory, DEFAULT_NAMES.certificate)),
  rootCa: verifyName(within(directory, DEFAULT_NAMES.rootCa)),
  serverUrl: verifyName(within(directory, DEFAULT_NAMES.serverUrl)),
});

/**
 * The paths that a configuration gives: each name from `import`, else from `storage`, else aktualizr's
 * default; the folder is `import.base_path`, or `storage.path` where that is set to nothing.
 * Refuses `usage` for what is no file name.
 */
export function pathsOf(config: DeviceConfig): DevicePaths {
  const given = (name: string): string | undefined => config.get(name) || undefined;
  const base = config.get('import.base_path') ?? IMPORT;
  const directory = base || given('storage.path') || '/var/sota';
  const named = (key: string, fallback: string): string =>
    verifyName(within(directory, given(`import.${key}`) ?? given(`storage.${key}`) ?? fallback));
  return {
    privateKey: named('tls_pkey_path', DEFAULT_NAMES.privateKey),
    certificate: named('tls_clientcert_path', DEFAULT_NAMES.certificate),
    rootCa: named('tls_cacert_path', DEFAULT_NAMES.rootCa),
    serverUrl: verifyName(within(directory, given('tls.server_url_path') ?? DEFAULT_NAMES.serverUrl)),
  };
}
