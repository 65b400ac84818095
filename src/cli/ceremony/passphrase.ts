import { join } from 'node:path';
import { environment } from '../../config/index.ts';
import { makeFolder } from '../../folder.ts';
import {
  combineShares,
  type PassphraseShare,
  parseShare,
  readPassphrase,
  SHARE_LINES,
  splitPassphrase,
  writeSecretFile,
} from '../../keystore/index.ts';
import { systemRandom } from '../../random.ts';
import { readTextFile } from '../files.ts';
import { fileFailure, LocalFailure } from '../local-failure.ts';
import { askHidden, askShare, canAsk } from './ask.ts';
import { isThere } from './folder.ts';

export interface PassphraseOptions {
  readonly passphraseFile?: string;
  readonly share?: readonly string[];
  readonly shares?: string;
}

const EMPTY = '';

async function askTwice(): Promise<string> {
  const first = await askHidden('Passphrase of the new key');
  if (first === (await askHidden('The same again'))) return first;
  throw new LocalFailure('usage', 'The two were not the same.');
}

/**
 * A passphrase that is given: from a file, the environment or a person, as for the service's keys. Rejects with
 * `usage` where there is none, and with `KeystoreSetupError`.
 */
export async function readGiven(
  folder: string,
  { passphraseFile }: PassphraseOptions,
  use: 'new' | 'open',
): Promise<string> {
  const env = environment();
  const file = passphraseFile ?? env.FLEETCA_PASSPHRASE_FILE ?? null;
  const value = passphraseFile === undefined ? (env.FLEETCA_PASSPHRASE ?? EMPTY) : EMPTY;
  if (file === null && value === EMPTY) {
    if (canAsk()) return use === 'new' ? askTwice() : askHidden('Passphrase of the key');
    throw new LocalFailure('usage', 'There is no passphrase for the key.', {
      hint: 'name its file with --passphrase-file or FLEETCA_PASSPHRASE_FILE, or run this on a terminal',
    });
  }
  const sources = { file, credentialsDirectory: null, value: () => (value === EMPTY ? null : value) };
  return (await readPassphrase({ folder, holdsKeys: true, sources, random: systemRandom })).passphrase;
}

async function askShares(): Promise<readonly PassphraseShare[]> {
  if (!canAsk()) {
    throw new LocalFailure('usage', 'The custodians have to bring their shares.', {
      hint: 'name each file with --share, or run this on a terminal',
    });
  }
  const shares: PassphraseShare[] = [];
  do {
    const title = `Share ${shares.length + 1}`;
    shares.push(parseShare(title, await askShare(title, SHARE_LINES)));
  } while (shares.length < (shares[0]?.needed ?? 0));
  return shares;
}

/** The passphrase of the shares that custodians bring. Rejects with `usage`, `KeystoreSetupError`. */
export async function readShares({ share = [] }: PassphraseOptions): Promise<string> {
  if (share.length === 0) return combineShares(await askShares());
  return combineShares(
    await Promise.all(share.map(async (path) => parseShare(path, await readTextFile(path)))),
  );
}

export interface ShareWish {
  readonly needed: number;
  readonly custodians: readonly string[];
  readonly opens: string;
}

/** Where each share goes; refused before anything is made for it. */
export async function verifySharesFolder({ shares }: PassphraseOptions, custodians: number): Promise<void> {
  if (shares === undefined) {
    throw new LocalFailure(
      'usage',
      'The passphrase is split, and --shares does not say where the shares go.',
    );
  }
  for (let n = 1; n <= custodians; n++)
    if (await isThere(join(shares, shareFile(n))))
      throw new LocalFailure(
        'usage',
        `${join(shares, shareFile(n))} is there already, and is not overwritten.`,
      );
}

const shareFile = (number: number): string => `share-${number}.txt`;

/**
 * A new passphrase, and its shares on disk: they are read back, and give it, before anything is encrypted with it.
 */
export async function makeShares(wish: ShareWish, { shares = '.' }: PassphraseOptions): Promise<string> {
  const { passphrase, texts } = await splitPassphrase({ ...wish, random: systemRandom });
  try {
    await makeFolder(shares, 0o700);
    for (const [i, text] of texts.entries()) await writeSecretFile(join(shares, shareFile(i + 1)), text);
  } catch (failure) {
    throw fileFailure(shares, failure);
  }
  const last = texts
    .slice(-wish.needed)
    .map((_, i) => join(shares, shareFile(texts.length - wish.needed + i + 1)));
  if ((await readShares({ share: last })) === passphrase) return passphrase;
  throw new Error('the shares that were written do not give the passphrase');
}
