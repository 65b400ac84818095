/** The key folder or the passphrase is not as it must be, and the operator has to put it right. */
export class KeystoreSetupError extends Error {
  override readonly name = 'KeystoreSetupError';
  /** One sentence each: the path, what was found, what to do. Never a secret. */
  readonly problems: readonly string[];

  constructor(problems: readonly string[], detail: { readonly cause?: unknown } = {}) {
    super(problems.join('\n'), detail.cause === undefined ? undefined : { cause: detail.cause });
    this.problems = problems;
  }
}

/** The system's word for a failure (`ENOENT`); undefined for anything that is not a system error. */
export function errnoOf(failure: unknown): string | undefined {
  if (!(failure instanceof Error) || !('syscall' in failure) || !('code' in failure)) return undefined;
  return typeof failure.code === 'string' ? failure.code : undefined;
}
