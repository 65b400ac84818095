import { systemRandom } from '../../random.ts';
import { openLocalPlace } from './local-place.ts';
import type { CertProviderOptions } from './options.ts';
import type { Place } from './place.ts';
import { openRemotePlace } from './remote-place.ts';
import { verifyDestination } from './ssh.ts';

/** The places that the command line names, in the order in which they are served. */
export interface Places {
  readonly all: readonly Place[];
  close(): Promise<void>;
}

/**
 * Opens all places for files at these paths, or none. This machine comes first: what cannot reach the
 * device is at least not lost where a folder was asked for as well.
 */
export async function openPlaces(
  { local, target, port, skipChecks }: CertProviderOptions,
  paths: readonly string[],
  signal: AbortSignal,
): Promise<Places> {
  const all: Place[] = [];
  const close = async (): Promise<void> => {
    for (const place of all) await place.close();
  };
  try {
    if (local !== undefined) all.push(await openLocalPlace(local, paths, systemRandom));
    if (target !== undefined) {
      const ssh = {
        destination: verifyDestination(target),
        port,
        hostKeys: skipChecks ? 'any' : 'checked',
      } as const;
      all.push(await openRemotePlace(ssh, paths, systemRandom, signal));
    }
  } catch (failure) {
    await close();
    throw failure;
  }
  return { all, close };
}
