import { PkiError } from '../../errors.ts';
import { KeystoreSetupError } from '../setup-error.ts';

/** What a person can put right (PKCS#11 2.40, 5.1: CKR_…). */
const TO_PUT_RIGHT: ReadonlyMap<string, string> = new Map([
  [
    'CKR_PIN_INCORRECT',
    'The PIN is wrong. Tokens lock themselves after a few wrong ones: look before you try again.',
  ],
  ['CKR_PIN_LEN_RANGE', 'The PIN is too short or too long for this token.'],
  ['CKR_PIN_INVALID', 'The PIN holds characters that this token does not take.'],
  ['CKR_PIN_LOCKED', 'The PIN is locked after too many wrong ones: its security officer has to unlock it.'],
  ['CKR_PIN_EXPIRED', 'The PIN has expired: set a new one.'],
  ['CKR_USER_PIN_NOT_INITIALIZED', 'The token has no user PIN yet: initialise it.'],
  ['CKR_TOKEN_WRITE_PROTECTED', 'The token is write-protected.'],
  ['CKR_DEVICE_MEMORY', 'The token is full.'],
  ['CKR_MECHANISM_INVALID', 'The token cannot do this with a key of this kind.'],
  ['CKR_ATTRIBUTE_VALUE_INVALID', 'The token does not take a key of this kind.'],
  ['CKR_CURVE_NOT_SUPPORTED', 'The token does not know this curve.'],
]);

/** `CKR_…`; undefined for what is no return value of PKCS#11. */
export const returnValueOf = (failure: unknown): string | undefined =>
  failure instanceof Error ? /^CKR_[A-Z0-9_]+/.exec(failure.message)?.[0] : undefined;

/**
 * What a failure of the token means while `doing` something. No message holds the PIN. Anything that is
 * no return value of PKCS#11 is passed on.
 */
export function tokenRefusal(doing: string, failure: unknown): unknown {
  const value = returnValueOf(failure);
  if (value === undefined) return failure;
  const known = TO_PUT_RIGHT.get(value);
  if (known !== undefined)
    return new KeystoreSetupError([`${known} (${value}, ${doing})`], { cause: failure });
  return new PkiError('signer-unavailable', `The token answered ${value}, ${doing}.`, {
    cause: failure,
    facts: { returnValue: value },
  });
}

/** Runs one step with the token; what it throws says what was being done. */
export function withToken<T>(doing: string, step: () => T): T {
  try {
    return step();
  } catch (failure) {
    throw tokenRefusal(doing, failure);
  }
}
