import { readCredentialsFile } from '../credentials-file.ts';
import type { ProvisioningFiles } from './gateway-facts.ts';

const text = (content: Uint8Array | null): string | null =>
  content === null ? null : Buffer.from(content).toString('utf8');

/** Reads what a device needs from credentials.zip. Rejects with `usage`, and as `readCredentials` does. */
export async function readProvisioningFiles(path: string): Promise<ProvisioningFiles> {
  const files = await readCredentialsFile(path);
  const find = (name: string): Uint8Array | null => files.find((file) => file.name === name)?.content ?? null;
  return {
    url: text(find('autoprov.url')),
    serverCa: text(find('server_ca.pem')),
    registration: find('autoprov_credentials.p12'),
  };
}
