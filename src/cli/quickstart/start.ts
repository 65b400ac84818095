import { readFile } from 'node:fs/promises';
import type { Config } from '../../config/index.ts';
import { shellPath } from '../../keystore/index.ts';
import { createLogger } from '../../log.ts';
import { type RunningService, startService } from '../../main.ts';
import { QuickstartRefusal } from './quickstart-refusal.ts';
import { say } from './terminal.ts';

interface AddressFailure extends Error {
  readonly code: 'EADDRINUSE' | 'EACCES';
  readonly port: number;
}

const isAddressFailure = (failure: unknown): failure is AddressFailure =>
  failure instanceof Error &&
  'code' in failure &&
  (failure.code === 'EADDRINUSE' || failure.code === 'EACCES') &&
  'port' in failure &&
  typeof failure.port === 'number';

function addressRefusal({ code, port }: AddressFailure, config: Config, cause: unknown): QuickstartRefusal {
  const isApi = port === config.api.port;
  const flag = isApi ? '--api-port' : '--public-port';
  const what = isApi ? 'the API' : 'the public pages';
  const free = code === 'EADDRINUSE' ? 'is taken by another program' : 'may not be used by this user';
  return new QuickstartRefusal(
    `Port ${port}, which ${what} would use, ${free}. Nothing was started.\n` +
      'If it is another fleetca, end that one first (Ctrl-C where it runs).\n' +
      `If not, choose another port: npm run quickstart -- ${flag} ${port + 1000 > 65_535 ? 0 : port + 1000} (0 takes any free one).`,
    { cause },
  );
}

/** Starts the service for the demonstration, and says what it made for it. */
export async function startForDemo(config: Config): Promise<RunningService> {
  // Every call would be a line of JSON between ours.
  const log = createLogger({ level: config.logLevel === 'info' ? 'warn' : config.logLevel });
  try {
    const service = await startService(config, log);
    for (const made of service.created) say(`Created ${made}.`);
    say(`The service answers at ${service.apiUrl}.`);
    return service;
  } catch (failure) {
    throw isAddressFailure(failure) ? addressRefusal(failure, config, failure) : failure;
  }
}

/** The first admin token, as the service wrote it. */
export async function readAdminToken({ adminTokenFile }: RunningService): Promise<string> {
  try {
    return (await readFile(adminTokenFile, 'utf8')).trim();
  } catch (cause) {
    throw new QuickstartRefusal(
      `The admin token cannot be read from ${shellPath(adminTokenFile)}. ` +
        'Put it back for this run, or run the quickstart with --data and an empty folder.',
      { cause },
    );
  }
}
