import type { Violation } from '../errors.ts';
import { FolderError } from '../folder.ts';
import type { LocalCode } from './exit-status.ts';

export interface LocalFailureDetail {
  readonly violations?: readonly Violation[];
  /** What to do about it. */
  readonly hint?: string;
  readonly cause?: unknown;
}

/**
 * A failure on this side of the wire that the person at the keyboard can do something about. The
 * message is for that person and holds no secret.
 */
export class LocalFailure extends Error {
  override readonly name = 'LocalFailure';
  readonly code: LocalCode;
  readonly violations: readonly Violation[];
  readonly hint: string | null;

  constructor(code: LocalCode, message: string, detail: LocalFailureDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.violations = detail.violations ?? [];
    this.hint = detail.hint ?? null;
  }
}

/** The system's word for a failure (`ENOENT`); undefined for anything that has none. */
export function errnoOf(failure: unknown): string | undefined {
  if (!(failure instanceof Error) || !('code' in failure)) return undefined;
  return typeof failure.code === 'string' ? failure.code : undefined;
}

/** A file of the command line that cannot be read or written. Passes on what is no system error. */
export function fileFailure(path: string, failure: unknown): unknown {
  if (failure instanceof FolderError) return new LocalFailure('usage', failure.message, { cause: failure });
  const code = errnoOf(failure);
  if (code === undefined || failure instanceof LocalFailure) return failure;
  const words: Readonly<Record<string, string>> = {
    ENOENT: 'does not exist',
    EACCES: 'may not be opened by this user',
    EISDIR: 'is a folder',
    ENOTDIR: 'has a part that is no folder',
    EEXIST: 'exists already, and is not overwritten',
    ENOSPC: 'cannot be written: the disk is full',
  };
  return new LocalFailure('usage', `${path} ${words[code] ?? `cannot be used (${code})`}.`, {
    cause: failure,
  });
}
