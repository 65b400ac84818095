import type { CredentialsFile } from './credentials-archive.ts';
import { type HeldCertificate, type ReadCertificates, readCaFile } from './credentials-certificates.ts';
import { CREDENTIALS_ENTRIES } from './credentials-entries.ts';
import { type CredentialsContents, type Finding, findingAt } from './credentials-finding.ts';
import { type InspectedPkcs12, inspectPkcs12, type Pkcs12Purpose } from './credentials-p12.ts';
import { judgeTools, type ToolVerdict } from './credentials-tools.ts';
import { buildUrlFindings, gatewayUrlFindings, readUrl } from './credentials-urls.ts';
import { treehubFindings } from './treehub.ts';
import { uptaneFindings } from './uptane-findings.ts';

export interface InspectedEntry {
  readonly name: string;
  readonly octets: number;
  /** Null where no tool reads it. */
  readonly meaning: string | null;
  readonly secret: boolean;
}

/** What an archive of credentials is good for. Nothing in it is a secret. */
export interface CredentialsReport {
  /** Whether it serves a tool, and every one that it is meant for. */
  readonly works: boolean;
  readonly entries: readonly InspectedEntry[];
  readonly tools: readonly ToolVerdict[];
  readonly certificates: readonly HeldCertificate[];
  readonly findings: readonly Finding[];
}

/** So that `Autoprov.URL`, `server-ca.pem` and `creds/treehub.json` are seen for what they were meant to be. */
const bare = (name: string): string =>
  name
    .slice(name.lastIndexOf('/') + 1)
    .toLowerCase()
    .replace(/[^a-z0-9]/g, '');
const BARE_NAMES: ReadonlyMap<string, string> = new Map(
  [...CREDENTIALS_ENTRIES.keys()].map((name) => [bare(name), name]),
);

function nameFindings(files: readonly CredentialsFile[]): readonly Finding[] {
  return files.flatMap(({ name, content, sizesFollow }) => {
    const { warning } = findingAt(name);
    const meant = BARE_NAMES.get(bare(name));
    if (content === null) {
      return meant === undefined
        ? []
        : [warning(`is not read: the name is ${meant}, at the root of the archive`)];
    }
    return sizesFollow
      ? [warning('has its size behind its octets in the zip, where readers that stream do not see it')]
      : [];
  });
}

const PKCS12_PURPOSES: ReadonlyMap<string, Pkcs12Purpose> = new Map<string, Pkcs12Purpose>([
  ['autoprov_credentials.p12', { holds: 'key', needsCas: true }],
  ['client_auth.p12', { holds: 'key', needsCas: false }],
  ['server.p12', { holds: 'trust', needsCas: true }],
]);

/** The server's roots must be in both places where tools look for them, or devices trust one or the other. */
function rootFindings(
  serverCa: ReadCertificates | undefined,
  registration: InspectedPkcs12 | undefined,
): readonly Finding[] {
  if (serverCa === undefined || serverCa.held.length === 0) return [];
  const cas = registration?.held.filter(({ role }) => role === 'ca') ?? [];
  const known = new Set(serverCa.held.map(({ sha256 }) => sha256));
  if (cas.length === 0 || cas.some(({ sha256 }) => known.has(sha256))) return [];
  const says =
    'has none of the CA certificates of autoprov_credentials.p12: one of them is not that of the gateway';
  return [findingAt('server_ca.pem').error(says)];
}

function togetherFindings(contents: CredentialsContents): readonly Finding[] {
  const lone = contents.has('server.p12') && !contents.has('client_auth.p12');
  const pushOnly = contents.has('treehub.json') && !contents.has('tufrepo.url');
  return [
    ...(lone
      ? [findingAt('server.p12').warning('is read beside client_auth.p12 alone, which is not there')]
      : []),
    ...(pushOnly
      ? [
          findingAt('tufrepo.url').warning(
            'is not there: garage-push and garage-deploy get file systems to treehub, and no tool an image into a repository',
          ),
        ]
      : []),
  ];
}

const wholeFindings = (contents: CredentialsContents): readonly Finding[] =>
  contents.size === 0 ? [findingAt(null).error('The archive holds nothing that a tool reads.')] : [];

/** A fleet that the archive is meant for. */
export interface MeantFleet {
  readonly name: string;
  readonly gatewayUrl: string | null;
  /** PEM. */
  readonly gatewayRoot: string | null;
}

/** Whether devices that use the archive would go to another gateway than those with bundles of the fleet. */
function fleetFindings(
  contents: CredentialsContents,
  serverCa: ReadCertificates | undefined,
  fleet: MeantFleet | null,
): readonly Finding[] {
  if (fleet === null) return [];
  const url = readUrl(contents, 'autoprov.url');
  const due =
    fleet.gatewayRoot === null ? [] : readCaFile('', Buffer.from(fleet.gatewayRoot), new Date(0)).held;
  const known = new Set(due.map(({ sha256 }) => sha256));
  const strangers = serverCa?.held.filter(({ sha256 }) => !known.has(sha256)) ?? [];
  return [
    ...(url !== undefined && fleet.gatewayUrl !== null && url !== fleet.gatewayUrl
      ? [
          findingAt('autoprov.url').error(
            `is not the gateway of the fleet ${fleet.name}: ${fleet.gatewayUrl}`,
          ),
        ]
      : []),
    ...(known.size > 0 &&
    serverCa !== undefined &&
    strangers.length === serverCa.held.length &&
    strangers.length > 0
      ? [findingAt('server_ca.pem').error(`has none of the gateway roots of the fleet ${fleet.name}`)]
      : []),
  ];
}

/**
 * Says what is in an archive of credentials, which tools it serves, and what is missing, expired, mismatched
 * or misspelt, and, with a fleet, whether it is that fleet's. Secrets are looked at and never told. What is
 * at fault is told, not refused.
 */
export function inspectCredentials(
  files: readonly CredentialsFile[],
  now: Date,
  fleet: MeantFleet | null = null,
): CredentialsReport {
  const contents = new Map(
    files.flatMap(({ name, content }) => (content === null ? [] : [[name, content] as const])),
  );
  const pkcs12 = new Map(
    [...PKCS12_PURPOSES].flatMap(([name, purpose]) => {
      const octets = contents.get(name);
      return octets === undefined ? [] : [[name, inspectPkcs12(name, purpose, octets, now)] as const];
    }),
  );
  const ca = contents.get('server_ca.pem');
  const serverCa = ca && readCaFile('server_ca.pem', ca, now);
  const treehub = contents.get('treehub.json');
  const findings = [
    ...wholeFindings(contents),
    ...nameFindings(files),
    ...gatewayUrlFindings(contents),
    ...(serverCa?.findings ?? []),
    ...[...pkcs12.values()].flatMap((one) => one.findings),
    ...rootFindings(serverCa, pkcs12.get('autoprov_credentials.p12')),
    ...fleetFindings(contents, serverCa, fleet),
    ...(treehub ? treehubFindings(treehub, contents.has('client_auth.p12')) : []),
    ...['tufrepo.url', 'api_gateway.url'].flatMap((name) => buildUrlFindings(contents, name)),
    ...togetherFindings(contents),
    ...uptaneFindings(contents, now),
  ];
  const tools = judgeTools(contents, findings);
  return {
    works: tools.some(({ state }) => state === 'works') && !tools.some(({ state }) => state === 'broken'),
    entries: files.map(({ name, octets }) => {
      const known = CREDENTIALS_ENTRIES.get(name);
      return { name, octets, meaning: known?.meaning ?? null, secret: known?.secret ?? false };
    }),
    tools,
    certificates: [...(serverCa?.held ?? []), ...[...pkcs12.values()].flatMap(({ held }) => held)],
    findings,
  };
}
