/**
 * The closed set of refusals. A code is part of the wire contract: it is the last segment of the
 * problem's `type`, scripts switch on it, and it is never renamed. Every code has a row in
 * `http/problems.ts` and an exit status in `cli/exit-status.ts`; neither compiles with one missing.
 */
export const REFUSAL_CODES = [
  // malformed: send something else
  'bad-der',
  'bad-pem',
  'bad-csr',
  'bad-json',
  'bad-row',
  'bad-lot',
  'bad-request',
  'bad-ca-certificate',
  'bad-recipient',
  'bad-pkcs12',
  'bad-credentials',
  'bad-ceremony',
  'too-large',
  'unsupported-media-type',
  'not-acceptable',
  'method-not-allowed',
  // proof and key: the request proves nothing, or proves it with a key that protects nothing
  'bad-signature',
  'issuer-unknown',
  'weak-signature',
  'weak-key',
  'broken-key',
  'bad-key',
  'curve-not-allowed',
  'algorithm-not-allowed',
  // policy: well formed, but not what this fleet certifies
  'subject-missing-cn',
  'subject-several-cn',
  'bad-device-id',
  'device-id-mismatch',
  'extension-not-granted',
  'profile-unknown',
  'validity-exceeds-issuer',
  'validity-exceeds-profile',
  'not-granted',
  'bundle-unfit',
  'gateway-not-allowed',
  // conflict: it contradicts what is on record
  'already-exists',
  'key-of-another-device',
  'key-of-a-ca',
  'key-retired',
  'key-not-recoverable',
  'device-has-other-key',
  'device-id-twin',
  'device-scrapped',
  'certificate-superseded',
  'request-differs',
  'idempotency-key-reused',
  // spelt as the devices know it that register: POST /devices
  'device_already_registered',
  // access
  'unauthenticated',
  'not-found',
  'quota-exceeded',
  'rate-limited',
  // state: the authority or the service cannot do it now
  'authority-not-active',
  'authority-ambiguous',
  'rotation-refused',
  'crl-not-possible',
  'key-offline',
  'issuer-near-end',
  'renewal-too-early',
  'renewal-too-late',
  'clock-behind',
  'restoration-not-settled',
  'busy',
  'storage-full',
  'storage-unavailable',
  'signer-unavailable',
] as const;

export type RefusalCode = (typeof REFUSAL_CODES)[number];

/** A fact that goes to the log beside a refusal: never a key, token, PIN or passphrase. */
export type Fact = string | number | boolean | null | readonly string[];

/** One field of the input that does not fit: where (a JSON pointer, or a name) and what is wrong. */
export interface Violation {
  readonly at: string;
  readonly message: string;
}

export interface RefusalDetail {
  readonly facts?: Readonly<Record<string, Fact>>;
  readonly violations?: readonly Violation[];
  readonly cause?: unknown;
}

/**
 * A refusal: something we decided, with a message that the client may read. Anything else that is
 * thrown is a defect and becomes a bare 500.
 */
export class PkiError extends Error {
  override readonly name = 'PkiError';
  readonly code: RefusalCode;
  readonly facts: Readonly<Record<string, Fact>>;
  readonly violations: readonly Violation[];

  constructor(code: RefusalCode, message: string, detail: RefusalDetail = {}) {
    super(message, detail.cause === undefined ? undefined : { cause: detail.cause });
    this.code = code;
    this.facts = detail.facts ?? {};
    this.violations = detail.violations ?? [];
  }
}
