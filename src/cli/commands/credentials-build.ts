import {
  asRead,
  type CredentialsParts,
  credentialsFiles,
  inspectCredentials,
  zipFiles,
} from '../../bundle/index.ts';
import { systemClock } from '../../clock.ts';
import { readOctets } from '../credentials-file.ts';
import { saveFile } from '../files.ts';
import type { Invocation } from '../invocation.ts';
import { LocalFailure } from '../local-failure.ts';
import { sayWarnings, show } from '../output.ts';
import { formatTable } from '../table.ts';
import { readTreehub, type TreehubOptions } from '../treehub-options.ts';
import { fetchFleet } from './credentials-inspect.ts';

interface BuildOptions extends TreehubOptions {
  readonly out: string;
  readonly fleet?: string;
  readonly gatewayUrl?: string;
  readonly gatewayRoot?: string;
  readonly registrationP12?: string;
  readonly tufrepoUrl?: string;
  readonly apiGatewayUrl?: string;
  readonly rootJson?: string;
  readonly targetsPub?: string;
  readonly targetsSec?: string;
  readonly clientAuthP12?: string;
  readonly serverP12?: string;
}

/** As much as is read of an entry. */
const MAX_OCTETS = 1024 * 1024;

const readPart = async (path: string | undefined): Promise<Uint8Array | null> =>
  path === undefined ? null : readOctets(path, MAX_OCTETS);

/** URL and root of the gateway: as named, else as the fleet has them. */
async function readGatewayParts(
  invocation: Invocation,
  { fleet, gatewayUrl, gatewayRoot }: BuildOptions,
): Promise<CredentialsParts> {
  const known = fleet === undefined ? null : await fetchFleet(invocation, fleet);
  const parts = {
    'autoprov.url': gatewayUrl ?? known?.gatewayUrl ?? null,
    'server_ca.pem': (await readPart(gatewayRoot)) ?? known?.gatewayRoot ?? null,
  };
  if (known !== null && (parts['autoprov.url'] === null || parts['server_ca.pem'] === null)) {
    throw new LocalFailure('usage', `The fleet ${known.name} has no gateway URL or no gateway root.`, {
      hint: 'give them here (--gateway-url, --gateway-root), or to the fleet: `fleetca fleet set`',
    });
  }
  return parts;
}

/**
 * `credentials build`. What would not work for what it is meant for is not written: rejects with
 * `check-failed`, and a violation for each finding.
 */
export async function buildCredentials(invocation: Invocation, options: BuildOptions): Promise<undefined> {
  const { output } = invocation;
  const files = credentialsFiles({
    ...(await readGatewayParts(invocation, options)),
    'autoprov_credentials.p12': await readPart(options.registrationP12),
    'treehub.json': await readTreehub(options),
    'tufrepo.url': options.tufrepoUrl,
    'api_gateway.url': options.apiGatewayUrl,
    'root.json': await readPart(options.rootJson),
    'targets.pub': await readPart(options.targetsPub),
    'targets.sec': await readPart(options.targetsSec),
    'client_auth.p12': await readPart(options.clientAuthP12),
    'server.p12': await readPart(options.serverP12),
  });
  const now = systemClock.now();
  const report = inspectCredentials(asRead(files), now);
  if (!report.works) {
    const missing = report.tools
      .filter(({ state, missing }) => state === 'broken' && missing.length > 0)
      .map(({ tool, missing }) => ({ at: tool, message: `lacks ${missing.join(' and ')}` }));
    const faults = report.findings
      .filter(({ severity }) => severity === 'error')
      .map(({ entry, message }) => ({ at: entry ?? '', message }));
    throw new LocalFailure('check-failed', 'The archive would not work, and was not made.', {
      violations: [...faults, ...missing],
    });
  }
  await saveFile(options.out, 0o600, zipFiles([{ name: '', files, modified: now }]));
  sayWarnings(
    output,
    report.findings.map(({ entry, message }) => `${entry} ${message}`),
  );
  const serves = report.tools.filter(({ state }) => state === 'works').map(({ tool }) => tool);
  const made = {
    out: options.out,
    entries: files.map(({ name }) => name),
    serves,
    findings: report.findings,
  };
  await show(output, made, ({ entries }) =>
    formatTable(
      ['ENTRY'],
      entries.map((name) => [name]),
    ),
  );
  if (!output.json) output.say(`${options.out} serves ${serves.join(', ')}.`);
}
