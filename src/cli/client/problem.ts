import { PkiError, REFUSAL_CODES, type RefusalCode, type Violation } from '../../errors.ts';
import { LocalFailure } from '../local-failure.ts';

const CODES: ReadonlySet<unknown> = new Set(REFUSAL_CODES);
const isCode = (code: unknown): code is RefusalCode => CODES.has(code);

const textOr = (value: unknown, instead: string): string => (typeof value === 'string' ? value : instead);

function readViolations(value: unknown): readonly Violation[] {
  if (!Array.isArray(value)) return [];
  return value.map((one) => ({ at: textOr(one?.at, '?'), message: textOr(one?.message, '?') }));
}

function parse(body: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(body);
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch {
    return {};
  }
}

/**
 * The failure that an answer stands for: the service's refusal (RFC 9457) as it was thrown there, or
 * `service-defect` for a bare 500 and for anything that the service never says.
 */
export function refusalOf(
  status: number,
  body: string,
  retryAfter: string | undefined,
): PkiError | LocalFailure {
  const { code, detail, violations, instance } = parse(body);
  if (isCode(code)) {
    const seconds = Number(retryAfter);
    return new PkiError(code, textOr(detail, 'The service gives no detail.'), {
      violations: readViolations(violations),
      facts: Number.isFinite(seconds) ? { retryAfterSeconds: seconds } : {},
    });
  }
  const which = typeof instance === 'string' ? ` Its log has more about request ${instance}.` : '';
  return new LocalFailure('service-defect', `The service answered ${status} without a reason.${which}`);
}
