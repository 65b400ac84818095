import { open } from 'node:fs/promises';
import { fileInMemory } from '../archive/index.ts';
import { type CredentialsFile, MAX_CREDENTIALS_OCTETS, readCredentials } from '../bundle/index.ts';
import { fileFailure, LocalFailure } from './local-failure.ts';

/** All octets of a file that the command line names. Rejects with `usage`, also where there are more than `most`. */
export async function readOctets(path: string, most: number): Promise<Buffer> {
  const handle = await open(path).catch((failure) => {
    throw fileFailure(path, failure);
  });
  try {
    const { size } = await handle.stat();
    if (size > most)
      throw new LocalFailure('usage', `${path} has more than the ${most / 1024} KiB that it may have.`);
    return await handle.readFile();
  } catch (failure) {
    throw fileFailure(path, failure);
  } finally {
    await handle.close();
  }
}

/** The files of a credentials.zip. Rejects with `usage`, and as `readCredentials` does. */
export const readCredentialsFile = async (path: string): Promise<readonly CredentialsFile[]> =>
  readCredentials(fileInMemory(await readOctets(path, MAX_CREDENTIALS_OCTETS)));
