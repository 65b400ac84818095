import { PkiError, type RefusalCode, type Violation } from '../errors.ts';
import { EXIT, EXIT_STATUS, type ExitStatus } from './exit-status.ts';
import { LocalFailure } from './local-failure.ts';
import { printable } from './table.ts';

export interface FailureReport {
  readonly code: string;
  readonly detail: string;
  readonly violations: readonly Violation[];
  /** What to do about it; null where the detail says it all. */
  readonly hint: string | null;
  readonly exitStatus: ExitStatus;
}

/** What to do, in words of this command line. The service's own advice is at `/problems/<code>`. */
const HINTS: Readonly<Partial<Record<RefusalCode, string>>> = {
  unauthenticated:
    'name a file with a valid token (--token-file or FLEETCA_TOKEN_FILE); on the machine of the service, while it is stopped, `fleetca token recover` makes a new admin token',
  'not-found':
    'check the name, and the token: admin keeps fleets and tokens, security keeps authorities and revokes, station asks for certificates, auditor reads',
  'authority-not-active': 'create one first: `fleetca authority create root --fleet <fleet> --kind root`',
  'authority-ambiguous': 'name one with --authority',
  'device-has-other-key':
    'if the device was set up anew, ask with --supersede <reason>, with a token of role security or with the right supersede',
  'key-retired': 'make a new key on the device, then ask with --supersede <reason>',
  'key-of-another-device':
    'two devices share a key: make a new one; if the board was only renamed, `fleetca key release` frees its key',
  'request-differs': 'leave --not-after and --label out to get the live certificate',
  'idempotency-key-reused': 'give this lot another --id',
  'rate-limited': 'many requests are better sent as a lot: `fleetca batch submit`',
  'storage-full': 'make room on the disk that holds db/, then ask again',
};

const report = (
  code: RefusalCode | LocalFailure['code'],
  { message, violations }: PkiError | LocalFailure,
  hint: string | null,
): FailureReport => ({ code, detail: message, violations, hint, exitStatus: EXIT_STATUS[code] });

/** What anything thrown means to whoever typed the command. What nobody expected is a defect. */
export function describeFailure(failure: unknown): FailureReport {
  if (failure instanceof PkiError) return report(failure.code, failure, HINTS[failure.code] ?? null);
  if (failure instanceof LocalFailure) return report(failure.code, failure, failure.hint);
  const detail = failure instanceof Error ? (failure.stack ?? failure.message) : String(failure);
  return { code: 'defect', detail, violations: [], hint: null, exitStatus: EXIT.defect };
}

/** Lines for a person: `fleetca: <code>: <detail>`, a line for each violation, then the hint. */
export function formatFailure({ code, detail, violations, hint }: FailureReport): string {
  const [first = '', ...rest] = detail.split('\n').map(printable);
  const lines = [
    `fleetca: ${code}: ${first}`,
    ...rest,
    ...violations.map(({ at, message }) => `  ${printable(at === '' ? message : `${at}: ${message}`)}`),
    ...(hint === null ? [] : [`  hint: ${hint}`]),
  ];
  return `${lines.join('\n')}\n`;
}
