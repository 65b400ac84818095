import { type BundleContent, deviceFolder, deviceLayout, layOut } from '../../bundle/index.ts';
import type { DemoFleet } from './demo-fleet.ts';
import { inParallel } from './in-parallel.ts';
import type { Staging } from './output-folder.ts';
import type { IssuedRow, SentLot } from './send-lot.ts';
import { withProgress } from './terminal.ts';

const FILES_AT_A_TIME = 8;

/** Where a device's bundle lies, from the output folder on. */
export const bundleFolder = (deviceId: string): string => `devices/${deviceFolder(deviceId)}`;

async function writeBundle(staging: Staging, content: BundleContent, pkcs8: string): Promise<void> {
  const folder = bundleFolder(content.deviceId);
  for (const file of layOut(deviceLayout, content))
    await staging.write(`${folder}/${file.name}`, file.content);
  // The service never saw the key: the factory puts its own beside the rest.
  await staging.write(`${folder}/pkey.pem`, pkcs8);
}

/** Writes a bundle of layout `device` for each issued row, and `refused.ndjson` for the others. */
export async function writeBundles(
  staging: Staging,
  fleet: DemoFleet,
  { issued, refused, chain }: SentLot,
  signal: AbortSignal,
): Promise<void> {
  await withProgress(`Writing ${issued.length} device bundles`, issued.length, (advance) =>
    inParallel(issued, FILES_AT_A_TIME, signal, async ({ lotRow, certificate }: IssuedRow) => {
      const { deviceId, key } = lotRow;
      const content = { ...fleet, deviceId, certificate, intermediates: chain, privateKey: null };
      await writeBundle(staging, content, key.pkcs8);
      advance();
    }),
  );
  await staging.write('refused.ndjson', refused.map((row) => `${JSON.stringify(row)}\n`).join(''));
}
