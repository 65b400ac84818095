import { describe, expect, it } from 'vitest';
import { PkiError, REFUSAL_CODES } from '../../src/errors.ts';
import type { Edge } from '../../src/http/edge.ts';
import {
  isRefusalCode,
  PROBLEMS,
  problemOf,
  problemOfRow,
  retryAfterSeconds,
} from '../../src/http/problems.ts';
import { problemRoutes } from '../../src/http/routes/problem-pages.ts';
import type { Request, Response } from '../../src/http/web.ts';
import { codeOf } from '../support/refusal.ts';

/** What a route sends for a path parameter. */
function show(path: string, code?: string): string {
  const route = problemRoutes.find((one) => one.path === path);
  let sent = '';
  const res = {
    set: () => res,
    type: () => res,
    send: (body: Buffer) => {
      sent = body.toString('utf8');
      return res;
    },
  };
  route?.handle({} as Edge, { params: { code } } as unknown as Request, res as unknown as Response);
  return sent;
}

describe('every refusal', () => {
  it('has a row in the table, and the table has no other', () => {
    expect(Object.keys(PROBLEMS).toSorted()).toEqual([...REFUSAL_CODES].toSorted());
    expect(new Set(REFUSAL_CODES).size).toBe(REFUSAL_CODES.length);
  });

  for (const code of REFUSAL_CODES) {
    it(`${code} has a title, a client's or a temporary status, and a page`, () => {
      const { status, title, help, retryable } = PROBLEMS[code];
      expect([title, help].every((text) => text.length > 3)).toBe(true);
      expect(status >= 400 && status < 600 && status !== 500).toBe(true);
      expect(retryable).toBe([429, 503, 507].includes(status));
      const shown = show('/problems/:code', code);
      expect(shown).toContain(`<code>${code}</code>`);
      expect(shown).toContain(String(status));
      expect(show('/problems')).toContain(`/problems/${code}"`);
    });
  }

  it('has a page, and what is no refusal has none', () => {
    for (const code of ['nothing', '__proto__', 'constructor', 'BAD-DER', '']) {
      expect(isRefusalCode(code)).toBe(false);
      expect(codeOf(() => show('/problems/:code', code))).toBe('not-found');
    }
  });
});

describe('problem details', () => {
  it('say the code three ways, the message, and no fact', () => {
    const refusal = new PkiError('weak-key', 'The RSA key has 1024 bits.', {
      facts: { bits: 1024, secret: 'x' },
      cause: new Error('y'),
    });
    expect(problemOf(refusal)).toEqual({
      type: '/problems/weak-key',
      title: PROBLEMS['weak-key'].title,
      status: 422,
      detail: 'The RSA key has 1024 bits.',
      code: 'weak-key',
      retryable: false,
    });
  });

  it('carry the violations where there are some', () => {
    const violations = [{ at: '/csr', message: 'is missing' }];
    expect(problemOf(new PkiError('bad-json', 'x', { violations })).violations).toEqual(violations);
    expect(problemOfRow({ code: 'bad-json', message: 'x', violations }).violations).toEqual(violations);
    expect(problemOfRow({ code: 'bad-json', message: 'x' })).not.toHaveProperty('violations');
  });

  it('are not made of a code that is not known: the ledger would be at fault', () => {
    expect(() => problemOfRow({ code: 'toString', message: 'x' })).toThrow(/not known/);
  });

  it('ask to come back after a second, unless the refusal knows better', () => {
    expect(retryAfterSeconds(new PkiError('busy', 'x'))).toBe(1);
    expect(retryAfterSeconds(new PkiError('rate-limited', 'x', { facts: { retryAfterSeconds: 30 } }))).toBe(
      30,
    );
  });
});
