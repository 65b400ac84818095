import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { readIfThere, readTextFile, saveFile } from './files.ts';
import { fileFailure } from './local-failure.ts';
import { once } from './once.ts';

/** Where a device has its certificate and its key. */
export interface DeviceFiles {
  /** PEM: the leaf first. */
  readonly certificate: string;
  /** PKCS#8 or SEC1, PEM. */
  readonly key: string;
}

/**
 * Beside each file what is to take its place. Both are whole and on disk before the first is replaced, and a
 * certificate that lies there says that both are: so a run that was cut off is ended by the next.
 */
const nextOf = (path: string): string => `${path}.next`;

async function syncFolder(path: string): Promise<void> {
  const folder = await open(dirname(path), 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

async function save(path: string, mode: number, pem: string): Promise<void> {
  await saveFile(nextOf(path), mode, once(pem));
  await syncFolder(path);
}

/** The key that was made for a renewal whose answer has not come; null: there is none. */
export const readNextKey = ({ key }: DeviceFiles): Promise<string | null> => readIfThere(nextOf(key));

/** Keeps the key of a renewal before that is asked for: an answer that is lost is asked for again with it. */
export const keepNextKey = ({ key }: DeviceFiles, pem: string): Promise<void> => save(key, 0o600, pem);

/** Lets go of the key of a renewal that was refused. */
export const dropNextKey = ({ key }: DeviceFiles): Promise<void> => rm(nextOf(key), { force: true });

/** Keeps the certificate that has come. From then on `replaceFiles` ends the renewal, in this run or the next. */
export const keepNextCertificate = ({ certificate }: DeviceFiles, pem: string): Promise<void> =>
  save(certificate, 0o644, pem);

/** True where a certificate has come, and the files were not replaced. */
export const isAnswered = async ({ certificate }: DeviceFiles): Promise<boolean> =>
  (await readIfThere(nextOf(certificate))) !== null;

/** Puts key and certificate where they belong, the key first. Gives the certificate. */
export async function replaceFiles(files: DeviceFiles): Promise<string> {
  const { key, certificate } = files;
  const pem = await readTextFile(nextOf(certificate));
  try {
    if ((await readNextKey(files)) !== null) await rename(nextOf(key), key);
    await syncFolder(key);
    await rename(nextOf(certificate), certificate);
    await syncFolder(certificate);
  } catch (failure) {
    throw fileFailure(certificate, failure);
  }
  return pem;
}
