import type { RefusalCode } from '../errors.ts';

/** What a script learns from `$?`. */
export const EXIT = {
  done: 0,
  /** A lot went through, and some of its rows were refused. */
  rowsRefused: 1,
  badInput: 2,
  refusedByPolicy: 3,
  notAuthorised: 4,
  conflict: 5,
  tryAgain: 6,
  /** EX_SOFTWARE of sysexits.h. */
  defect: 70,
  /** As a shell reports a program that Ctrl-C ended: 128 + 2. */
  interrupted: 130,
  /** Whoever read the output closed it, as `head` does: 128 + SIGPIPE. */
  readerLeft: 141,
} as const;

export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** Failures that are found on this side of the wire. */
export const LOCAL_CODES = [
  /** The command line, or a file that it names, does not fit. */
  'usage',
  /** The data folder or the configuration is not as it must be. */
  'setup',
  'no-token',
  /** Nobody answers there. */
  'unreachable',
  /** Whoever answers there has not proven to be the service. */
  'untrusted',
  /** The answer ended before its end. */
  'cut-off',
  /** Ctrl-C, or SIGTERM, before the end. */
  'interrupted',
  'address-in-use',
  /** A device, or another's server, does not let this user in. */
  'login-refused',
  /** Files could not be written where they belong; none was left. */
  'not-placed',
  /** What was to be checked does not hold. */
  'check-failed',
  /** The service answered with a bare 500, or with something that it never says. */
  'service-defect',
] as const;
export type LocalCode = (typeof LOCAL_CODES)[number];

/** The exit status of every failure. A code without a row does not compile. */
export const EXIT_STATUS: Readonly<Record<RefusalCode | LocalCode, ExitStatus>> = {
  'bad-der': EXIT.badInput,
  'bad-pem': EXIT.badInput,
  'bad-csr': EXIT.badInput,
  'bad-json': EXIT.badInput,
  'bad-row': EXIT.badInput,
  'bad-lot': EXIT.badInput,
  'bad-request': EXIT.badInput,
  'bad-ca-certificate': EXIT.badInput,
  'bad-recipient': EXIT.badInput,
  'bad-pkcs12': EXIT.badInput,
  'bad-credentials': EXIT.badInput,
  'bad-ceremony': EXIT.badInput,
  'too-large': EXIT.badInput,
  'unsupported-media-type': EXIT.badInput,
  'not-acceptable': EXIT.badInput,
  'method-not-allowed': EXIT.badInput,

  'bad-signature': EXIT.refusedByPolicy,
  'issuer-unknown': EXIT.refusedByPolicy,
  'weak-signature': EXIT.refusedByPolicy,
  'weak-key': EXIT.refusedByPolicy,
  'broken-key': EXIT.refusedByPolicy,
  'bad-key': EXIT.refusedByPolicy,
  'curve-not-allowed': EXIT.refusedByPolicy,
  'algorithm-not-allowed': EXIT.refusedByPolicy,

  'subject-missing-cn': EXIT.refusedByPolicy,
  'subject-several-cn': EXIT.refusedByPolicy,
  'bad-device-id': EXIT.refusedByPolicy,
  'device-id-mismatch': EXIT.refusedByPolicy,
  'extension-not-granted': EXIT.refusedByPolicy,
  'profile-unknown': EXIT.refusedByPolicy,
  'validity-exceeds-issuer': EXIT.refusedByPolicy,
  'validity-exceeds-profile': EXIT.refusedByPolicy,
  'not-granted': EXIT.refusedByPolicy,
  'bundle-unfit': EXIT.refusedByPolicy,
  'gateway-not-allowed': EXIT.refusedByPolicy,

  'already-exists': EXIT.conflict,
  'key-of-another-device': EXIT.conflict,
  'key-of-a-ca': EXIT.conflict,
  'key-retired': EXIT.conflict,
  'key-not-recoverable': EXIT.conflict,
  'device-has-other-key': EXIT.conflict,
  'device-id-twin': EXIT.conflict,
  'device-scrapped': EXIT.conflict,
  'certificate-superseded': EXIT.conflict,
  'request-differs': EXIT.conflict,
  device_already_registered: EXIT.conflict,
  'idempotency-key-reused': EXIT.conflict,

  unauthenticated: EXIT.notAuthorised,
  // "Not there" and "not yours" look the same from outside.
  'not-found': EXIT.notAuthorised,
  'quota-exceeded': EXIT.tryAgain,
  'rate-limited': EXIT.tryAgain,

  'authority-not-active': EXIT.conflict,
  'authority-ambiguous': EXIT.conflict,
  'rotation-refused': EXIT.conflict,
  'crl-not-possible': EXIT.conflict,
  'key-offline': EXIT.conflict,
  'issuer-near-end': EXIT.conflict,
  'renewal-too-early': EXIT.conflict,
  'renewal-too-late': EXIT.conflict,
  'clock-behind': EXIT.tryAgain,
  'restoration-not-settled': EXIT.tryAgain,
  busy: EXIT.tryAgain,
  'storage-full': EXIT.tryAgain,
  'storage-unavailable': EXIT.tryAgain,
  'signer-unavailable': EXIT.tryAgain,

  usage: EXIT.badInput,
  setup: EXIT.badInput,
  'no-token': EXIT.notAuthorised,
  unreachable: EXIT.tryAgain,
  untrusted: EXIT.notAuthorised,
  'cut-off': EXIT.tryAgain,
  interrupted: EXIT.interrupted,
  'address-in-use': EXIT.tryAgain,
  'login-refused': EXIT.notAuthorised,
  'not-placed': EXIT.tryAgain,
  'check-failed': EXIT.refusedByPolicy,
  'service-defect': EXIT.defect,
};
