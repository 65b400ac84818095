/** Something about an archive of credentials that whoever uses it should know. Never holds a secret. */
export interface Finding {
  /** `error`: the tools that read the entry will not work with it. */
  readonly severity: 'error' | 'warning';
  /** Null: the archive as a whole. */
  readonly entry: string | null;
  readonly message: string;
}

/** Finds at one entry. */
export const findingAt = (entry: string | null) => ({
  error: (message: string): Finding => ({ severity: 'error', entry, message }),
  warning: (message: string): Finding => ({ severity: 'warning', entry, message }),
});

/** What is in an archive, by name. */
export type CredentialsContents = ReadonlyMap<string, Uint8Array>;

const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Octets as text; undefined where they are not UTF-8. */
export function decodeText(octets: Uint8Array): string | undefined {
  try {
    return utf8.decode(octets);
  } catch {
    return undefined;
  }
}
