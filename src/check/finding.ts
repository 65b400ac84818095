import type { CheckCode } from './codes.ts';

/** `fail`: it will not work. `warn`: it works here, and not everywhere or not for long. `note`: good to know. */
export type Severity = 'fail' | 'warn' | 'note';

/** One thing that a check found. Nothing in it is a secret. */
export interface Finding {
  readonly code: CheckCode;
  readonly severity: Severity;
  /** The file that it is about; null where it is about none, or several. */
  readonly file: string | null;
  /** A sentence. */
  readonly message: string;
}

const of =
  (severity: Severity) =>
  (code: CheckCode, file: string | null, message: string): Finding => ({ code, severity, file, message });

export const fail = of('fail');
export const warn = of('warn');
export const note = of('note');
