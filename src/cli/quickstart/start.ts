import { readFile } from 'node:fs/promises';
import type { Config } from '../../config/index.ts';
import { createLogger } from '../../log.ts';
import { type RunningService, startService } from '../../main.ts';
import { LocalFailure } from '../local-failure.ts';
import { say } from './terminal.ts';

/** Starts the service for the demonstration, and says what it made for it. Rejects as `startService`. */
export async function startForDemo(config: Config): Promise<RunningService> {
  // At `info` every call would be a line of JSON between ours.
  const log = createLogger({ level: config.logLevel === 'info' ? 'warn' : config.logLevel });
  const service = await startService(config, log);
  for (const made of service.created) say(`Created ${made}.`);
  say(`The service answers at ${service.apiUrl}.`);
  return service;
}

/** The first admin token, as the service wrote it. Refuses `no-token` where it cannot be read. */
export async function readAdminToken({ adminTokenFile }: RunningService): Promise<string> {
  const hint = 'put it back for this run, or run the quickstart with --data and an empty folder';
  if (adminTokenFile === null)
    throw new LocalFailure('no-token', 'The admin token is not in the key folder.', { hint });
  try {
    return (await readFile(adminTokenFile, 'utf8')).trim();
  } catch (cause) {
    throw new LocalFailure('no-token', `The admin token cannot be read from ${adminTokenFile}.`, {
      hint,
      cause,
    });
  }
}
