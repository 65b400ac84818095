import { once } from 'node:events';
import { type ConfigInput, loadConfig } from '../../config/index.ts';
import { createLogger } from '../../log.ts';
import { type RunningService, startService } from '../../main.ts';
import type { Invocation } from '../invocation.ts';
import { show } from '../output.ts';
import { setupFailure } from '../setup-failure.ts';
import { formatFields } from '../table.ts';

type ConfigFlags = NonNullable<ConfigInput['flags']>;

const announce = ({ created, ...service }: RunningService): string =>
  [
    ...created.map((sentence) => `Made ${sentence}`),
    formatFields([
      ['API', service.apiUrl],
      ['registration', service.mutualUrl ?? 'off'],
      ['public pages', service.publicUrl ?? 'off'],
      ['clients trust', service.caFile ?? 'the certificate that you brought'],
      ['or pin', service.fingerprint],
      ['admin token', service.adminTokenFile ?? 'not in keys/; where it is lost: fleetca token recover'],
    ]),
  ].join('\n');

/** The first signal asks for an end; the second is the system's again, and ends the process at once. */
async function signalled(): Promise<string> {
  const waiting = new AbortController();
  const wait = async (signal: NodeJS.Signals): Promise<string> => {
    await once(process, signal, { signal: waiting.signal });
    return signal;
  };
  try {
    return await Promise.any([wait('SIGTERM'), wait('SIGINT')]);
  } finally {
    waiting.abort();
  }
}

/** `serve`: runs the service until it is told to end. */
export async function serve({ globals, output }: Invocation, flags: ConfigFlags): Promise<undefined> {
  try {
    const config = loadConfig({ flags: { ...flags, data: globals.data } });
    const service = await startService(config, createLogger({ level: config.logLevel }));
    const end = signalled();
    const { apiUrl, mutualUrl, publicUrl, caFile, fingerprint, adminTokenFile, created } = service;
    if (output.json) {
      await show(
        output,
        { apiUrl, mutualUrl, publicUrl, caFile, fingerprint, adminTokenFile, created },
        () => '',
      );
    } else {
      output.say(announce(service).trimEnd());
    }
    const signal = await end;
    output.say(`${signal}: the service ends when the calls under way have ended. Once more ends it at once.`);
    await service.close();
  } catch (failure) {
    throw setupFailure(failure);
  }
}
