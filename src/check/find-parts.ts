import { X509Certificate } from 'node:crypto';
import { isSelfSigned } from './build-chain.ts';
import { baseName } from './given-file.ts';
import { type Configuration, settingOf } from './read-configuration.ts';
import type { ReadFile } from './read-file.ts';

/** What the files of a bundle are for. Null where none is. */
export interface Parts {
  /** Holds what the device presents. */
  readonly client: ReadFile | null;
  readonly key: ReadFile | null;
  /** What the device knows the gateway by. */
  readonly serverRoot: ReadFile | null;
  readonly url: ReadFile | null;
  readonly configuration: ReadFile | null;
  /** Other files with certificates: a fleet's root, a chain for other tools. */
  readonly others: readonly ReadFile[];
  /** True where aktualizr is to read the files: it demands more than a client of TLS does. */
  readonly forAktualizr: boolean;
  /** True where key and certificate are in a token, and the files only tell of them. */
  readonly inToken: boolean;
}

type Names = readonly (string | RegExp)[];

/** The names of every layout that we know, the best first. */
const CLIENT_NAMES: Names = [
  'client.pem',
  'client.chained',
  /\.chain\.pem$/,
  'certificate.pem.crt',
  /\.cert\.pem$/,
  'client.der',
  /^(?:client|device|cert|certificate)\.(?:crt|cer|pem|der)$/,
  /\.(?:p12|pfx)$/,
];
const KEY_NAMES: Names = [
  'pkey.pem',
  'private.pem.key',
  /\.key\.pem$/,
  /^(?:client|device|private)?\.?key(?:\.pem)?$/,
];
const ROOT_NAMES: Names = ['root.crt', 'ca.pem', 'AmazonRootCA1.pem', 'server_ca.pem'];
const URL_NAMES: Names = ['gateway.url', 'endpoint', 'autoprov.url'];
const FLEET_ROOT_NAMES: Names = ['fleet-root.pem', 'ca.crt', 'trust-bundle.pem'];

const isNamed = (file: ReadFile, name: string | RegExp): boolean =>
  typeof name === 'string' ? baseName(file.path) === name : name.test(baseName(file.path));

function named(files: readonly ReadFile[], names: Names): ReadFile | undefined {
  for (const name of names) {
    const found = files.find((file) => isNamed(file, name));
    if (found !== undefined) return found;
  }
  return undefined;
}

/** The file that a setting names, wherever on the device its folder is to be. */
const configured = (
  files: readonly ReadFile[],
  configuration: Configuration | null,
  section: string,
  key: string,
): ReadFile | undefined => {
  const path = settingOf(configuration, section, key);
  return path === null ? undefined : named(files, [baseName(path)]);
};

const hasCertificates = ({ certificates }: ReadFile): boolean => certificates.length > 0;

/** Whether a file holds the certificate of a key. */
const certifies = (file: ReadFile, key: ReadFile | undefined): boolean => {
  const object = key?.key?.object;
  return !!object && file.certificates.some(({ der }) => new X509Certificate(der).checkPrivateKey(object));
};

/** By its name, whatever is in it: a file that is damaged or empty is the one, and at fault. */
function findClient(files: readonly ReadFile[], key: ReadFile | undefined): ReadFile | undefined {
  const candidates = files.filter((file) => file.url === null && file.configuration === null);
  return (
    named(
      candidates.filter((file) => file.key === null || hasCertificates(file)),
      CLIENT_NAMES,
    ) ??
    files.find((file) => certifies(file, key)) ??
    files.find(({ certificates: [first] }) => first !== undefined && !isSelfSigned(first))
  );
}

const isForFleet = (file: ReadFile): boolean => FLEET_ROOT_NAMES.some((name) => isNamed(file, name));

/** Without a known name: certificates that are neither the device's nor, by their name, the fleet's. */
const findServerRoot = (files: readonly ReadFile[], client: ReadFile | undefined): ReadFile | undefined =>
  named(files, ROOT_NAMES) ??
  files.find(
    (file) =>
      file !== client &&
      hasCertificates(file) &&
      !isForFleet(file) &&
      file.certificates.every(isSelfSigned) &&
      /root|ca/i.test(baseName(file.path)),
  );

const AKTUALIZR_NAMES: Names = ['root.crt', 'gateway.url', 'sota.toml'];

/**
 * Finds out what each file is for: as the configuration among them says, else by the names of the layouts,
 * else by what is in them.
 */
export function findParts(files: readonly ReadFile[]): Parts {
  const configuration = files.find((file) => file.path.endsWith('.toml'));
  const settings = configuration?.configuration ?? null;
  const key =
    configured(files, settings, 'import', 'tls_pkey_path') ??
    named(files, KEY_NAMES) ??
    files.find((file) => file.key !== null);
  const client = configured(files, settings, 'import', 'tls_clientcert_path') ?? findClient(files, key);
  const serverRoot =
    configured(files, settings, 'import', 'tls_cacert_path') ?? findServerRoot(files, client);
  const url =
    configured(files, settings, 'tls', 'server_url_path') ??
    named(files, URL_NAMES) ??
    files.find((file) => file.url !== null);
  const taken = new Set([client, serverRoot]);
  return {
    client: client ?? null,
    key: key ?? null,
    serverRoot: serverRoot ?? null,
    url: url ?? null,
    configuration: configuration ?? null,
    others: files.filter((file) => hasCertificates(file) && !taken.has(file)),
    forAktualizr: configuration !== undefined || named(files, AKTUALIZR_NAMES) !== undefined,
    inToken: settingOf(settings, 'tls', 'pkey_source') === 'pkcs11',
  };
}
