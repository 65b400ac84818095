import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import type { Signer } from '../../ca/index.ts';
import type { Ceremony, CeremonyOf } from '../../ceremony/index.ts';
import { foreignEnvironment } from '../../config/index.ts';
import {
  openKeystore,
  openTokenKeystore,
  openTokenLink,
  prepareKeyFolder,
  readPin,
} from '../../keystore/index.ts';
import { systemRandom } from '../../random.ts';
import { LocalFailure } from '../local-failure.ts';
import { isThere } from './folder.ts';
import {
  makeShares,
  type PassphraseOptions,
  readGiven,
  readShares,
  verifySharesFolder,
} from './passphrase.ts';
import type { CeremonyBrief } from './read-file.ts';

/** The real key of a ceremony, open. */
export interface OpenedKey {
  readonly signer: Signer;
  readonly place: 'file' | 'token';
  readonly shares: { readonly needed: number; readonly total: number } | null;
  close(): void;
}

type TokenKey = NonNullable<CeremonyOf<'crl'>['signer']['key']['token']>;
type NewKey = CeremonyOf<'root'>['key'];

const nothing = (): void => undefined;

async function openToken(token: TokenKey, { at }: CeremonyBrief) {
  const pin = await readPin(at(token.pinFile));
  const module = at(token.module);
  if (!existsSync(module)) throw new LocalFailure('usage', `There is no PKCS#11 module at ${module}.`);
  const link = openTokenLink({
    module,
    label: token.label ?? null,
    pin: () => pin,
    sessions: 1,
    environment: foreignEnvironment(),
    onChange: nothing,
  });
  return { keystore: openTokenKeystore(link, systemRandom), close: () => link.close() };
}

async function withToken(
  token: TokenKey,
  brief: CeremonyBrief,
  open: (keystore: ReturnType<typeof openTokenKeystore>) => Promise<Signer>,
): Promise<OpenedKey> {
  const { keystore, close } = await openToken(token, brief);
  try {
    return { signer: await open(keystore), place: 'token', shares: null, close };
  } catch (failure) {
    close();
    throw failure;
  }
}

const keyIdOf = (path: string): string => basename(path, '.pem');

/** What can be refused of a new key before it is made. Rejects with `usage`. */
async function verifyNewKey(key: NewKey, brief: CeremonyBrief, options: PassphraseOptions): Promise<void> {
  if (key.file === undefined) return;
  const path = brief.at(key.file);
  if (await isThere(path))
    throw new LocalFailure('usage', `${path} is there already: a ceremony of a root makes a new key.`);
  if (key.shares) await verifySharesFolder(options, brief.ceremony.custodians.length);
}

async function makeKeyFile(path: string, key: NewKey, brief: CeremonyBrief, options: PassphraseOptions) {
  const { custodians } = brief.ceremony;
  const folder = dirname(path);
  await prepareKeyFolder(folder);
  const passphrase = key.shares
    ? await makeShares({ needed: key.shares.needed, custodians, opens: basename(path) }, options)
    : await readGiven(folder, options, 'new');
  const keystore = openKeystore({ folder, passphrase, random: systemRandom });
  return keystore.generate(keyIdOf(path), key.algorithm);
}

async function openKeyFile(
  path: string,
  from: 'given' | 'shares',
  options: PassphraseOptions,
): Promise<Signer> {
  const folder = dirname(path);
  if (!(await isThere(path))) throw new LocalFailure('usage', `There is no key at ${path}.`);
  await prepareKeyFolder(folder);
  const passphrase = from === 'shares' ? await readShares(options) : await readGiven(folder, options, 'open');
  return openKeystore({ folder, passphrase, random: systemRandom }).open(keyIdOf(path));
}

/** Refuses before anything is made what would be refused after it. */
export const verifyKeyWish = async (brief: CeremonyBrief, options: PassphraseOptions): Promise<void> =>
  brief.ceremony.ceremony === 'root' ? verifyNewKey(brief.ceremony.key, brief, options) : undefined;

function sharesOf(ceremony: Ceremony): OpenedKey['shares'] {
  if (ceremony.ceremony !== 'root' || !ceremony.key.shares) return null;
  return { needed: ceremony.key.shares.needed, total: ceremony.custodians.length };
}

/** Makes the key of a root, or opens that of the CA that signs. Rejects as the keystore does, and with `usage`. */
export async function openCeremonyKey(brief: CeremonyBrief, options: PassphraseOptions): Promise<OpenedKey> {
  const { ceremony, at } = brief;
  const isNew = ceremony.ceremony === 'root';
  const { token, file = '' } = isNew ? ceremony.key : ceremony.signer.key;
  if (token)
    return withToken(token, brief, (keystore) =>
      isNew ? keystore.generate(token.key, ceremony.key.algorithm) : keystore.open(token.key),
    );
  const signer = isNew
    ? await makeKeyFile(at(file), ceremony.key, brief, options)
    : await openKeyFile(at(file), ceremony.signer.key.passphrase, options);
  return { signer, place: 'file', shares: sharesOf(ceremony), close: nothing };
}
