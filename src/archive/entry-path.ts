const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** The path of an entry; null where it is not UTF-8. */
export function decodePath(octets: Uint8Array): string | null {
  try {
    return utf8.decode(octets);
  } catch {
    return null;
  }
}

/** Longest path of an archive's entry, octets: as file systems have it. */
const PATH_OCTETS = 4096;

/** Nothing is written under these names; but who names a file so sends no honest archive. */
const PATH_RULES: readonly { readonly broken: (path: string) => boolean; readonly says: string }[] = [
  { broken: (path) => path === '', says: 'is empty' },
  { broken: (path) => Buffer.byteLength(path) > PATH_OCTETS, says: 'is too long' },
  { broken: (path) => /\p{Cc}/u.test(path), says: 'holds a control character' },
  { broken: (path) => path.includes('\\'), says: 'holds a backslash' },
  { broken: (path) => /^(?:\/|[A-Za-z]:)/.test(path), says: 'is absolute' },
  { broken: (path) => path.split('/').includes('..'), says: 'leads out of the archive' },
];

/** Why no file of an archive should be named so: what comes after "the path"; undefined where it is a plain one. */
export const pathFault = (path: string | null): string | undefined =>
  path === null ? 'is not UTF-8' : PATH_RULES.find(({ broken }) => broken(path))?.says;
