import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const exec = promisify(execFile);

/**
 * What becomes of a device with these files in its import folder that calls its gateway, as aktualizr does
 * it, with libcurl: `online`, or why not.
 */
export async function callFromFolder(folder: string): Promise<string> {
  const at = (name: string): string => join(folder, name);
  const url = readFileSync(at('gateway.url'), 'utf8');
  const tls = ['--cert', at('client.pem'), '--key', at('pkey.pem'), '--cacert', at('root.crt')];
  try {
    await exec('curl', ['-sS', '-4', '--max-time', '20', ...tls, `${url}/director/ecus`]);
    return 'online';
  } catch (failure) {
    return (failure as { stderr: string }).stderr.trim();
  }
}
