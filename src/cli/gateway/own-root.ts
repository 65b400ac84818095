import { createPrivateKey, createPublicKey, generateKeyPair, sign } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Signer } from '../../ca/index.ts';
import { makeFolder } from '../../folder.ts';
import { makeServerRootPem } from '../../gateway/index.ts';
import type { Random } from '../../random.ts';
import { readIfThere } from '../files.ts';
import { fileFailure, LocalFailure } from '../local-failure.ts';

const generate = promisify(generateKeyPair);

/** The root of a gateway's own server certificate, which devices get as root.crt. */
export interface OwnRoot {
  readonly signer: Signer;
  /** PEM */
  readonly pem: string;
  readonly file: string;
  /** Made just now. */
  readonly isNew: boolean;
}

function signerOf(keyPem: string, path: string): Signer {
  try {
    const key = createPrivateKey(keyPem);
    const publicKey = createPublicKey(key).export({ type: 'spki', format: 'der' });
    return {
      algorithm: 'ecdsa-with-SHA256',
      publicKey,
      portable: null,
      sign: async (tbs) => sign('sha256', tbs, key),
    };
  } catch {
    // Without the cause: the library's message may quote what it read.
    throw new LocalFailure('usage', `${path} is not the key that this command made.`);
  }
}

/**
 * Opens a gateway's server root in a folder, `root.crt` and `root.key` (0600, not encrypted, as servers keep
 * theirs), or makes it there. Refuses one without the other: devices may have the certificate already.
 */
export async function openOwnRoot(folder: string, random: Random, now: Date): Promise<OwnRoot> {
  const [file, keyFile] = [join(folder, 'root.crt'), join(folder, 'root.key')];
  const [pem, keyPem] = [await readIfThere(file), await readIfThere(keyFile)];
  if (pem !== null && keyPem !== null) return { signer: signerOf(keyPem, keyFile), pem, file, isNew: false };
  if (pem !== null || keyPem !== null) {
    const [there, missing] = pem === null ? [keyFile, file] : [file, keyFile];
    throw new LocalFailure('usage', `${there} is there, and ${missing} is not.`, {
      hint: 'put it back, or name another folder with --own-root and give its root.crt to the devices',
    });
  }
  const { privateKey } = await generate('ec', {
    namedCurve: 'P-256',
    publicKeyEncoding: { type: 'spki', format: 'der' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const signer = signerOf(privateKey, keyFile);
  const tag = Buffer.from(random.bytes(4)).toString('hex');
  const made = await makeServerRootPem(signer, `fleetca gateway root ${tag}`, random, now);
  try {
    await makeFolder(folder, 0o700);
    await writeFile(keyFile, privateKey, { mode: 0o600, flag: 'wx' });
    await writeFile(file, made, { mode: 0o644, flag: 'wx' });
  } catch (failure) {
    throw fileFailure(folder, failure);
  }
  return { signer, pem: made, file, isNew: true };
}
