import { encodeCertificatePem } from '../x509/index.ts';
import type { CredentialsFile } from './credentials-archive.ts';
import { readCaFile } from './credentials-certificates.ts';
import { type CredentialsContents, type Finding, findingAt } from './credentials-finding.ts';
import { inspectPkcs12 } from './credentials-p12.ts';
import { readUrl } from './credentials-urls.ts';

/** The gateway that an archive of credentials leads to; null where it does not say. */
export interface GatewayOfCredentials {
  readonly gatewayUrl: string | null;
  /** PEM. */
  readonly gatewayRoot: string | null;
  /** The entry that told the root. */
  readonly rootFrom: string | null;
  /** Of the entries that were read. */
  readonly findings: readonly Finding[];
}

const REGISTRATION = 'autoprov_credentials.p12';

type Told = Pick<GatewayOfCredentials, 'gatewayRoot' | 'rootFrom' | 'findings'>;

function readRoot(contents: CredentialsContents, now: Date): Told {
  const named = contents.get('server_ca.pem');
  if (named !== undefined) {
    const { ders, findings } = readCaFile('server_ca.pem', named, now);
    return { ...rootOf(ders, 'server_ca.pem'), findings };
  }
  const registration = contents.get(REGISTRATION);
  if (registration === undefined) return { gatewayRoot: null, rootFrom: null, findings: [] };
  const { opened, findings } = inspectPkcs12(
    REGISTRATION,
    { holds: 'key', needsCas: true },
    registration,
    now,
  );
  const cas = opened?.certificates.slice(opened.privateKey === null ? 0 : 1) ?? [];
  return { ...rootOf(cas, REGISTRATION), findings };
}

/**
 * Reads the gateway's URL (autoprov.url) and its server roots: server_ca.pem, else the CA certificates that
 * come with the registration key, as cert-provider does. White space round the URL, and slashes at its end,
 * are left off, as clients leave off the first and would double the second.
 */
export function readGateway(files: readonly CredentialsFile[], now: Date): GatewayOfCredentials {
  const contents = new Map(
    files.flatMap(({ name, content }) => (content === null ? [] : [[name, content] as const])),
  );
  const { findings, ...root } = readRoot(contents, now);
  const url = readUrl(contents, 'autoprov.url') ?? null;
  const gatewayUrl = url?.replace(/\/+$/, '') ?? null;
  const slash = findingAt('autoprov.url').warning('ends with a slash, which is left off here');
  return { gatewayUrl, ...root, findings: [...(url === gatewayUrl ? [] : [slash]), ...findings] };
}

const rootOf = (
  ders: readonly Uint8Array[],
  entry: string,
): Pick<GatewayOfCredentials, 'gatewayRoot' | 'rootFrom'> =>
  ders.length === 0
    ? { gatewayRoot: null, rootFrom: null }
    : { gatewayRoot: ders.map(encodeCertificatePem).join(''), rootFrom: entry };
