import { z } from 'zod';
import { PkiError, type Violation } from '../errors.ts';
import type { Request } from './web.ts';

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '));
  } catch (cause) {
    throw new PkiError('bad-request', 'The query is not properly percent-encoded UTF-8.', { cause });
  }
};

/** Reads a query string (null where the URL has none). Refuses `bad-request`: bad percent-encoding, a name that stands twice. */
export function parseQuery(query: string | null): Readonly<Record<string, string>> {
  const found = new Map<string, string>();
  for (const pair of (query ?? '').split('&').filter((part) => part !== '')) {
    const at = pair.indexOf('=');
    const name = decode(at === -1 ? pair : pair.slice(0, at));
    if (found.has(name)) throw new PkiError('bad-request', 'A query parameter stands twice.');
    found.set(name, at === -1 ? '' : decode(pair.slice(at + 1)));
  }
  // fromEntries defines properties, so a parameter called __proto__ is a name like any other.
  return Object.fromEntries(found);
}

/** Fits the query to a schema. Refuses `bad-request` with one violation for each parameter. */
export function fitQuery<T>(schema: z.ZodType<T>, req: Request): T {
  const result = schema.safeParse(req.query);
  if (result.success) return result.data;
  const violations: readonly Violation[] = result.error.issues.map(({ path, message }) => ({
    at: path.join('.') || 'query',
    message,
  }));
  const [first] = violations;
  throw new PkiError('bad-request', `The query does not fit: ${first?.at}: ${first?.message}.`, {
    violations,
  });
}

/** A whole number in decimal digits. */
export const wholeNumber = (least: number, most = Number.MAX_SAFE_INTEGER) =>
  z
    .string()
    .regex(/^[0-9]{1,16}$/, 'must be a whole number')
    .transform(Number)
    .refine((n) => n >= least && n <= most, `must be ${least} to ${most}`);

const limit = wholeNumber(1, 1000).default(100);

/** No parameters at all. */
export const noQuery = z.strictObject({});
export const pageQuery = z.strictObject({ after: z.string().max(256).default(''), limit });
export const numberedPageQuery = z.strictObject({ after: wholeNumber(0).default(0), limit });

export interface Page<T> {
  readonly items: readonly T[];
  readonly next: string | null;
}

/**
 * A page of what `list` gives after the cursor. One more than the limit is asked for, so that `next` is
 * null exactly at the end.
 */
export async function readPage<T>(
  limit: number,
  list: (limit: number) => Promise<readonly T[]>,
  cursorOf: (item: T) => string,
): Promise<Page<T>> {
  const found = await list(limit + 1);
  const items = found.slice(0, limit);
  const last = items.at(-1);
  return { items, next: found.length > limit && last !== undefined ? cursorOf(last) : null };
}
