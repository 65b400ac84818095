import type { CredentialsFile } from './credentials-archive.ts';
import { CREDENTIALS_ENTRIES } from './credentials-entries.ts';
import type { BundleFile } from './layout.ts';

/** For the owner alone: most of what may be in it is a secret. */
const MODE = 0o600;

/** The octets of an archive of credentials, by the names of its entries; null: not in it. */
export type CredentialsParts = Readonly<Record<string, Uint8Array | string | null | undefined>>;

/**
 * The files of a credentials.zip, in the order of the contract, as they were given: each at the root.
 * `zipFiles` with no folder makes the archive of them. Throws where a name is no entry's.
 */
export function credentialsFiles(parts: CredentialsParts): readonly BundleFile[] {
  const stranger = Object.keys(parts).find((name) => !CREDENTIALS_ENTRIES.has(name));
  if (stranger !== undefined) throw new TypeError(`no such entry: ${stranger}`);
  return [...CREDENTIALS_ENTRIES.keys()].flatMap((name) => {
    const content = parts[name] ?? null;
    return content === null ? [] : [{ name, mode: MODE, content: Buffer.from(content as string) }];
  });
}

/** The same as an archive of them would be read. */
export const asRead = (files: readonly BundleFile[]): readonly CredentialsFile[] =>
  files.map(({ name, content }) => ({ name, content, octets: content.length, sizesFollow: false }));
