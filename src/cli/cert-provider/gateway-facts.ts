import { parsePem } from '../../asn1/index.ts';
import { encodeCertificatePem, type Pkcs12Contents, parsePkcs12 } from '../../x509/index.ts';
import { LocalFailure } from '../local-failure.ts';

/** What the archive of credentials says of a server, as far as a device needs it. */
export interface ProvisioningFiles {
  /** `autoprov.url`. */
  readonly url: string | null;
  /** `server_ca.pem`. */
  readonly serverCa: string | null;
  /** `autoprov_credentials.p12`, as it is. */
  readonly registration: Uint8Array | null;
}

/** The password of every PKCS#12 file of these tools. */
const NO_PASSPHRASE = '';

/** Opens `autoprov_credentials.p12`. Refuses `usage` where there is none, and as `parsePkcs12` does. */
export function openRegistration({ registration }: ProvisioningFiles): Pkcs12Contents {
  if (registration === null)
    throw new LocalFailure('usage', 'The credentials hold no autoprov_credentials.p12.');
  return parsePkcs12(registration, NO_PASSPHRASE);
}

/** Opens what a server answers a registration with. */
export const openAnswer = (der: Uint8Array): Pkcs12Contents => parsePkcs12(der, NO_PASSPHRASE);

/** The certificates of a PEM text, and nothing of what stands around them. */
const certificatesOnly = (pem: string): string =>
  parsePem(pem)
    .filter(({ label }) => label === 'CERTIFICATE')
    .map(({ der }) => encodeCertificatePem(der))
    .join('');

/**
 * The gateway's server roots for root.crt: `server_ca.pem`, else the CA certificates that come with the
 * registration key. Refuses `usage` where there are none: with an empty root.crt a device trusts nobody.
 */
export function gatewayRootsOf(files: ProvisioningFiles): string {
  const { serverCa, registration } = files;
  const named = serverCa === null ? '' : certificatesOnly(serverCa);
  if (named !== '') return named;
  const [, ...cas] = registration === null ? [] : openRegistration(files).certificates;
  if (cas.length > 0) return cas.map(encodeCertificatePem).join('');
  throw new LocalFailure(
    'usage',
    "The credentials do not tell the gateway's root: no server_ca.pem, and no CA certificate in autoprov_credentials.p12.",
  );
}

/**
 * The gateway's URL for gateway.url. Without a slash at its end, since the device appends its paths to it as
 * it is. Refuses `usage` where there is none, and http://, over which a device talks without TLS and says
 * that all is well.
 */
export function readGatewayUrl(given: string | null): string {
  const url = given?.trim().replace(/\/+$/, '') ?? '';
  if (url === '')
    throw new LocalFailure('usage', "The gateway's URL is not known: the credentials hold no autoprov.url.");
  if (!URL.canParse(url) || new URL(url).protocol !== 'https:' || /[\s\p{Cc}]/u.test(url)) {
    throw new LocalFailure(
      'usage',
      "The gateway's URL is not an https:// URL: a device would talk to it without TLS.",
    );
  }
  return url;
}

/** What is odd about a URL that is taken all the same. */
export function urlWarnings(url: string): readonly string[] {
  const { pathname, search, hash, username } = new URL(url);
  const isBare = pathname === '/' && search === '' && hash === '' && username === '';
  return isBare ? [] : ['gateway.url has more than a host and a port: a device appends its paths to that.'];
}
