import { type BundleContent, type BundleLine, deviceFolder, LAYOUTS, layOut } from '../../bundle/index.ts';
import { parseCertificates } from '../../x509/index.ts';
import { type DemoFleet, TARGET } from './demo-fleet.ts';
import { inParallel } from './in-parallel.ts';
import type { Staging } from './output-folder.ts';
import type { IssuedRow, SentLot } from './send-lot.ts';
import { withProgress } from './terminal.ts';

const FILES_AT_A_TIME = 8;

/** Where a device's bundle lies, from the output folder on. */
export const bundleFolder = (deviceId: string): string => `devices/${deviceFolder(deviceId)}`;

async function writeBundle(staging: Staging, content: BundleContent, pkcs8: string): Promise<void> {
  const folder = bundleFolder(content.deviceId);
  for (const file of layOut(LAYOUTS.device, content))
    await staging.write(`${folder}/${file.name}`, file.content);
  // The service never saw the key: the factory puts its own beside the rest.
  await staging.write(`${folder}/pkey.pem`, pkcs8);
}

/** What the service knows of the fleet, as far as the layout asks for it. */
const lineOf = ({ gatewayUrl, gatewayRoot }: DemoFleet, chain: string, fleetRoot: string): BundleLine => ({
  target: TARGET,
  gatewayUrl,
  gatewayRoot,
  settings: { hardwareId: null, pkcs11Module: null, gatewayTrusts: null, ostreeServer: null },
  issuers: parseCertificates(chain + fleetRoot),
  links: [],
  now: new Date(),
});

/** Writes a bundle of layout `device` for each issued row, and `refused.ndjson` for the others. */
export async function writeBundles(
  staging: Staging,
  fleet: DemoFleet,
  fleetRoot: string,
  { issued, refused, chain }: SentLot,
  signal: AbortSignal,
): Promise<void> {
  const line = lineOf(fleet, chain, fleetRoot);
  await withProgress(`Writing ${issued.length} device bundles`, issued.length, (advance) =>
    inParallel(issued, FILES_AT_A_TIME, signal, async ({ lotRow, certificate }: IssuedRow) => {
      const { deviceId, key } = lotRow;
      const [leaf] = parseCertificates(certificate);
      if (!leaf) throw new Error('an outcome has no certificate');
      const folder = deviceFolder(deviceId);
      const content = { line, deviceId, folder, certificate: leaf, key: { kind: 'elsewhere' } } as const;
      await writeBundle(staging, content, key.pkcs8);
      advance();
    }),
  );
  await staging.write('refused.ndjson', refused.map((row) => `${JSON.stringify(row)}\n`).join(''));
}
