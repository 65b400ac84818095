import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundleFolder } from './write-bundles.ts';

/** A bundle as it lies in its folder: the texts that a device would read. */
export interface WrittenBundle {
  readonly deviceId: string;
  /** client.pem */
  readonly chain: string;
  /** pkey.pem */
  readonly key: string;
  /** root.crt */
  readonly gatewayRoot: string;
  /** gateway.url */
  readonly gatewayUrl: string;
}

/** Reads what was written for a device. Nothing that this process still remembers takes part. */
export async function readBundle(output: string, deviceId: string): Promise<WrittenBundle> {
  const folder = join(output, bundleFolder(deviceId));
  const read = (name: string): Promise<string> => readFile(join(folder, name), 'utf8');
  const [chain, key, gatewayRoot, gatewayUrl] = (await Promise.all(
    ['client.pem', 'pkey.pem', 'root.crt', 'gateway.url'].map(read),
  )) as [string, string, string, string];
  return { deviceId, chain, key, gatewayRoot, gatewayUrl };
}
