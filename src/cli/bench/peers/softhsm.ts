import { execFile } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { ServiceWish } from '../line.ts';

const run = promisify(execFile);

/** Where packages put the module. */
const MODULES = [
  '/usr/lib/softhsm/libsofthsm2.so',
  '/usr/lib64/pkcs11/libsofthsm2.so',
  '/usr/lib64/softhsm/libsofthsm2.so',
  '/usr/local/lib/softhsm/libsofthsm2.so',
  '/opt/homebrew/lib/softhsm/libsofthsm2.so',
];

const LABEL = 'fleetca bench';
/** Of a token that holds two keys for some minutes, in a folder that nobody else may enter. */
const PIN = '123456';

/** The module of SoftHSM2; undefined: it is not installed. */
export const findSofthsm = (): string | undefined => MODULES.find((path) => existsSync(path));

/** Makes a new token in a folder. Gives how a service is started on it. */
export async function makeToken(folder: string, module: string): Promise<ServiceWish> {
  mkdirSync(join(folder, 'tokens'), { recursive: true, mode: 0o700 });
  const configuration = join(folder, 'softhsm2.conf');
  writeFileSync(configuration, `directories.tokendir = ${join(folder, 'tokens')}\n`);
  const pinFile = join(folder, 'pin');
  writeFileSync(pinFile, `${PIN}\n`, { mode: 0o600 });
  const env = { SOFTHSM2_CONF: configuration };
  const init = ['--init-token', '--free', '--label', LABEL, '--so-pin', PIN, '--pin', PIN];
  await run('softhsm2-util', ['--module', module, ...init], { env });
  return {
    args: ['--pkcs11-module', module, '--pkcs11-token-label', LABEL, '--pkcs11-pin-file', pinFile],
    env,
  };
}
