import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Config } from '../../config/index.ts';
import type { RunningService } from '../../main.ts';
import { type Random, systemRandom } from '../../random.ts';
import { certificateFingerprint, parseCertificates } from '../../x509/index.ts';
import { type Api, connectApi } from './api-client.ts';
import { checkChains } from './check-chains.ts';
import { checkHandshakes, pickSample } from './check-handshakes.ts';
import {
  type DemoFleet,
  FLEET,
  makeToken,
  provideAuthorities,
  provideFleet,
  revokeToken,
} from './demo-fleet.ts';
import { type DemoGateway, startDemoGateway } from './demo-gateway.ts';
import { type GatewayRoot, openGatewayRoot } from './gateway-root.ts';
import { LOT_ROWS, makeLot } from './lot.ts';
import { FLEET_ROOT_FILE, type Staging, SUMMARY_FILE, stageFolder } from './output-folder.ts';
import { type SentLot, sendLot } from './send-lot.ts';
import { readAdminToken } from './start.ts';
import { type Summary, summarize } from './summary.ts';
import { say } from './terminal.ts';
import { writeBundles } from './write-bundles.ts';

export interface DemonstrationInput {
  readonly config: Config;
  readonly service: RunningService;
  /** Absolute. */
  readonly out: string;
  readonly signal: AbortSignal;
  /** Takes what must be closed in the end, whatever happens. */
  readonly closeLater: (close: () => Promise<void>) => void;
}

interface Scene {
  readonly api: Api;
  readonly root: GatewayRoot;
  readonly fleet: DemoFleet;
  readonly random: Random;
}

/** The fleet with its authorities, and the lot through them. Tokens of this run end with it. */
async function sendThroughFleet(
  { service, config, signal }: DemonstrationInput,
  api: Api,
): Promise<{ scene: Scene; sent: SentLot }> {
  const random = systemRandom;
  const admin = await readAdminToken(service);
  const root = await openGatewayRoot(config, random);
  const fleet = await provideFleet(api, admin, root, random);
  const security = await makeToken(api, admin, 'security');
  await provideAuthorities(api, security.token);
  const station = await makeToken(api, admin, 'station');
  const lot = await makeLot({ rows: LOT_ROWS, random, signal });
  const sent = await sendLot(api, station.token, lot, signal);
  // Where something failed before, they end by themselves within a day.
  for (const token of [security, station]) await revokeToken(api, admin, token);
  return { scene: { api, root, fleet, random }, sent };
}

async function writeOutput(
  staging: Staging,
  { api, fleet }: Scene,
  sent: SentLot,
  signal: AbortSignal,
): Promise<void> {
  const published = (name: string): Promise<string> =>
    api.call({ method: 'GET', path: `/pki/${FLEET}/${name}` });
  const fleetRoot = await published(FLEET_ROOT_FILE);
  await staging.write(FLEET_ROOT_FILE, fleetRoot);
  await staging.write('trust-bundle.pem', await published('trust-bundle.pem'));
  await writeBundles(staging, fleet, fleetRoot, sent, signal);
}

const fingerprintOf = (pem: string): string => {
  const [certificate] = parseCertificates(pem);
  if (!certificate) throw new Error('the published fleet root is empty');
  return Buffer.from(certificateFingerprint(certificate.der)).toString('hex');
};

/** Checks what lies in the folder, from its files. */
async function checkOutput(
  { config, service, out, signal }: DemonstrationInput,
  folder: string,
  sent: SentLot,
  gateway: DemoGateway,
): Promise<Summary> {
  const rows = sent.issued.map(({ lotRow }) => lotRow);
  const fleetRoot = await readFile(join(folder, FLEET_ROOT_FILE), 'utf8');
  const ids = rows.map(({ deviceId }) => deviceId);
  const chainFaults = await checkChains(folder, ids, fleetRoot, signal);
  const handshakeChecks = await checkHandshakes(gateway, folder, pickSample(rows), signal);
  return summarize({
    service,
    sent,
    chainFaults,
    handshakeChecks,
    rows: LOT_ROWS,
    fleetRootFingerprint: fingerprintOf(fleetRoot),
    data: config.data,
    out,
    gatewayUrl: gateway.url,
  });
}

/** The gateway, with the published fleet root from the folder as all that it trusts. */
async function openGateway({ root, fleet, random }: Scene, folder: string): Promise<DemoGateway> {
  const gateway = await startDemoGateway({
    root,
    rootPem: fleet.gatewayRoot,
    fleetRoot: await readFile(join(folder, FLEET_ROOT_FILE), 'utf8'),
    url: fleet.gatewayUrl,
    random,
  });
  if (gateway.url !== fleet.gatewayUrl) {
    say(`${fleet.gatewayUrl} is taken by another program; the demo gateway listens at ${gateway.url}.`);
  }
  return gateway;
}

/**
 * The demonstration, on a service that answers: fleet, lot, bundles, checks. The folder `out` appears
 * when all is written and checked, whatever the checks said; the gateway stays for `closeLater`.
 */
export async function demonstrate(input: DemonstrationInput): Promise<Summary> {
  const { service, out, signal, closeLater } = input;
  const ca = service.caFile === null ? null : await readFile(service.caFile, 'utf8');
  const api = connectApi({ url: service.apiUrl, ca });
  closeLater(async () => api.close());
  const { scene, sent } = await sendThroughFleet(input, api);
  const staging = await stageFolder(out);
  try {
    await writeOutput(staging, scene, sent, signal);
    const gateway = await openGateway(scene, staging.folder);
    closeLater(() => gateway.close());
    const summary = await checkOutput(input, staging.folder, sent, gateway);
    await staging.write(SUMMARY_FILE, `${JSON.stringify(summary, null, 2)}\n`);
    await staging.publish();
    return summary;
  } finally {
    await staging.discard();
  }
}
