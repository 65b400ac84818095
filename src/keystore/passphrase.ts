import { constants } from 'node:fs';
import { access, open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { octalMode, shellPath } from '../file-mode.ts';
import type { Random } from '../random.ts';
import { PASSPHRASE_FILE } from './key-folder.ts';
import { writeSecretFile } from './secret-file.ts';
import { errnoOf, KeystoreSetupError } from './setup-error.ts';

/** What systemd names the credential (`LoadCredential=fleetca-passphrase:…`). */
const CREDENTIAL = 'fleetca-passphrase';

/** OpenSSL's buffer for a passphrase (PEM_BUFSIZE): a longer one encrypts, and never decrypts again. */
const MOST_OCTETS = 1024;

/** Where the operator may have put the passphrase. */
export interface PassphraseSources {
  /** A file of the operator's (`FLEETCA_PASSPHRASE_FILE`). */
  readonly file: string | null;
  /** systemd's `$CREDENTIALS_DIRECTORY`. */
  readonly credentialsDirectory: string | null;
  /** The content of `FLEETCA_PASSPHRASE`; a function, so that printing the sources does not print it. */
  value(): string | null;
}

export interface PassphraseInput {
  readonly folder: string;
  /** What `prepareKeyFolder` answered. */
  readonly holdsKeys: boolean;
  readonly sources: PassphraseSources;
  readonly random: Random;
}

export interface Passphrase {
  readonly passphrase: string;
  readonly source: 'file' | 'environment' | 'credential' | 'default';
  /** Where it is from, and what else is there: sentences for the day that it does not fit. */
  readonly origin: string;
  /** True when it was made just now. */
  readonly created: boolean;
}

interface Candidate {
  readonly source: 'file' | 'environment' | 'credential';
  /** For messages. */
  readonly title: string;
  read(): Promise<string>;
}

function refuse(message: string, cause?: unknown): never {
  throw new KeystoreSetupError([message], { cause });
}

/** The PIN of a token's user: a file with one line, that nobody else may read. Rejects with `KeystoreSetupError`. */
export const readPin = (file: string): Promise<string> => readFileOf(file, 0o077, 0, 'PIN');

/** The passphrase in a text: one line, its newline cut. What `openssl -passin file:` would use too. */
function parsePassphrase(title: string, text: string, secret: Secret = 'passphrase'): string {
  const passphrase = text.replace(/\r?\n$/, '');
  if (passphrase === '') return refuse(`The ${secret} in ${title} is empty.`);
  if (/\p{Cc}/u.test(passphrase)) {
    return refuse(`The ${secret} in ${title} has several lines or control characters: one line is due.`);
  }
  if (Buffer.byteLength(passphrase) > MOST_OCTETS) {
    return refuse(`The ${secret} in ${title} is longer than ${MOST_OCTETS} octets.`);
  }
  return passphrase;
}

function decodeUtf8(path: string, octets: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(octets);
  } catch {
    return refuse(`The passphrase in ${path} is not UTF-8 text; try base64 of it.`);
  }
}

/** What a file holds, for messages. */
type Secret = 'passphrase' | 'PIN';

const MISFITS: Readonly<Record<string, string>> = {
  ENOENT: 'does not exist',
  EACCES: 'may not be read by this process',
  ELOOP: 'is a link',
};

/** Reads a passphrase file of which nobody has one of the `forbidden` permission bits. */
async function readFileOf(
  path: string,
  forbidden: number,
  flags = 0,
  secret: Secret = 'passphrase',
): Promise<string> {
  try {
    // O_NONBLOCK: opening a named pipe must not wait for its writer.
    const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | flags);
    try {
      const found = await handle.stat();
      if (!found.isFile()) return refuse(`The ${secret} file ${path} is not a regular file.`);
      if ((found.mode & forbidden) !== 0) {
        return refuse(
          `The ${secret} file ${path} has mode ${octalMode(found.mode)}: others than its owner may reach it. chmod 0600 ${shellPath(path)}`,
        );
      }
      if (found.size > MOST_OCTETS + 2)
        return refuse(`The ${secret} in ${path} is longer than ${MOST_OCTETS} octets.`);
      return parsePassphrase(path, decodeUtf8(path, await handle.readFile()), secret);
    } finally {
      await handle.close();
    }
  } catch (failure) {
    const code = errnoOf(failure);
    if (code === undefined) throw failure;
    return refuse(`The ${secret} file ${path} ${MISFITS[code] ?? `cannot be read (${code})`}.`, failure);
  }
}

const exists = (path: string): Promise<boolean> =>
  access(path, constants.F_OK).then(
    () => true,
    () => false,
  );

/** What the operator has set, in order of preference. */
async function findCandidates({
  file,
  credentialsDirectory,
  value,
}: PassphraseSources): Promise<readonly Candidate[]> {
  const candidates: Candidate[] = [];
  const credential = credentialsDirectory === null ? null : join(credentialsDirectory, CREDENTIAL);
  // A unit may name its credential by path as well: that is one source, not two.
  const namesCredential = file !== null && credential !== null && resolve(file) === resolve(credential);
  if (file !== null && !namesCredential) {
    candidates.push({ source: 'file', title: `the file ${file}`, read: () => readFileOf(file, 0o077) });
  }
  const text = value();
  if (text !== null) {
    const title = 'the variable FLEETCA_PASSPHRASE';
    candidates.push({ source: 'environment', title, read: async () => parsePassphrase(title, text) });
  }
  if (credential !== null && (namesCredential || (await exists(credential)))) {
    // systemd gives the service's user access by an ACL, and its mask shows as a group's right to read;
    // the folder around it is closed.
    const read = () => readFileOf(credential, 0o007);
    candidates.push({ source: 'credential', title: `the systemd credential ${CREDENTIAL}`, read });
  }
  return candidates;
}

const cameFrom = (title: string): string => `The passphrase came from ${title}.`;

async function makeDefault(path: string, random: Random): Promise<Passphrase> {
  const passphrase = Buffer.from(random.bytes(32)).toString('base64url');
  const made = { source: 'default', origin: cameFrom(`the file ${path}`) } as const;
  try {
    await writeSecretFile(path, `${passphrase}\n`);
    return { ...made, passphrase, created: true };
  } catch (failure) {
    const code = errnoOf(failure);
    if (code === undefined) throw failure;
    // Another process was first: its passphrase counts.
    if (code === 'EEXIST') return { ...made, passphrase: await readDefault(path), created: false };
    return refuse(`The passphrase file ${path} cannot be written (${code}).`, failure);
  }
}

const readDefault = (path: string): Promise<string> => readFileOf(path, 0o077, constants.O_NOFOLLOW);

/**
 * The passphrase that the key files are encrypted with: the operator's file, else the variable, else
 * the systemd credential, else the service's own file `passphrase` in the key folder, which is made
 * (32 random octets, base64url, 0600) only while the folder holds no key.
 * Rejects with `KeystoreSetupError`: several sources set, an empty or unreadable one, a file that
 * others may read, keys without any passphrase.
 */
export async function readPassphrase({
  folder,
  holdsKeys,
  sources,
  random,
}: PassphraseInput): Promise<Passphrase> {
  const candidates = await findCandidates(sources);
  const [candidate, second] = candidates;
  if (second) {
    return refuse(
      `The passphrase is given more than once (${candidates.map(({ title }) => title).join(', ')}): leave one.`,
    );
  }
  const path = join(folder, PASSPHRASE_FILE);
  const hasDefault = await exists(path);
  if (candidate) {
    const unread = hasDefault ? ` ${path} is there as well, and was not read: leave the one that fits.` : '';
    const origin = `${cameFrom(candidate.title)}${unread}`;
    return { passphrase: await candidate.read(), source: candidate.source, origin, created: false };
  }
  if (hasDefault) {
    const origin = cameFrom(`the file ${path}`);
    return { passphrase: await readDefault(path), source: 'default', origin, created: false };
  }
  if (!holdsKeys) return makeDefault(path, random);
  return refuse(
    `${folder} holds keys, and there is no passphrase for them: set FLEETCA_PASSPHRASE_FILE, or put back ${path}.`,
  );
}
