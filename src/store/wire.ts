import { PkiError, type RefusalCode, type RefusalDetail } from '../errors.ts';

/** A call to the thread that hosts the store. */
export interface Call {
  readonly id: number;
  readonly method: string;
  /** The arguments, packed. */
  readonly args: unknown;
}

/** An error as octets and texts: a class does not cross between threads. */
export type PackedError =
  | {
      readonly kind: 'refusal';
      readonly code: RefusalCode;
      readonly message: string;
      readonly facts: RefusalDetail['facts'];
    }
  | { readonly kind: 'defect'; readonly message: string; readonly stack: string };

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: PackedError };

export function packError(error: unknown): PackedError {
  if (error instanceof PkiError) {
    const { code, message, facts } = error;
    return { kind: 'refusal', code, message, facts };
  }
  const { message, stack } = error instanceof Error ? error : new Error(String(error));
  return { kind: 'defect', message, stack: stack ?? '' };
}

export function unpackError(packed: PackedError): Error {
  if (packed.kind === 'refusal')
    return new PkiError(packed.code, packed.message, { facts: packed.facts ?? {} });
  const error = new Error(packed.message);
  error.stack = packed.stack;
  return error;
}
