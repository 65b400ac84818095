import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mintToken, parseToken, type TokenWish, UNBOUND, verifyToken } from '../../src/enrollment/index.ts';
import { seededRandom } from '../support/fixed.ts';
import { codeOf, refusalOf } from '../support/refusal.ts';

const now = new Date('2026-06-01T12:00:00Z');
const wish: TokenWish = {
  name: 'line 7',
  role: 'station',
  rights: [],
  fleet: 'demo',
  bounds: UNBOUND,
  validityDays: 90,
};
const mint = (more: Partial<TokenWish> = {}, seed = 'token') =>
  mintToken(seededRandom(seed), now, { ...wish, ...more });
const secretOf = (token: string): string => parseToken(token)?.secret ?? '';

describe('a token', () => {
  it('is read back into the id and the secret that it was made of', () => {
    const { record, secret } = mint();
    const parts = parseToken(secret);
    expect(parts?.id).toBe(record.id);
    expect(verifyToken(record, parts?.secret ?? '', now)).toBe(record);
  });

  it('holds 256 bits of chance beside its public id', () => {
    const secrets = new Set(Array.from({ length: 200 }, (_, i) => mint({}, `seed ${i}`).secret));
    expect(secrets.size).toBe(200);
    for (const secret of secrets) {
      expect(secret).toMatch(/^fca_[0-9a-f]{16}_[A-Za-z0-9_-]{43}$/);
      expect(Buffer.from(secretOf(secret), 'base64url')).toHaveLength(32);
    }
  });

  it('is not in its record', () => {
    const { record, secret } = mint();
    expect(JSON.stringify(record)).not.toContain(secretOf(secret));
    expect(Buffer.from(record.secretHash)).toHaveLength(32);
    expect(Buffer.from(record.secretHash).toString('base64url')).not.toBe(secretOf(secret));
  });

  it('of another form is not one', () => {
    const { secret } = mint();
    for (const text of [
      '',
      'fca_',
      secret.slice(1),
      secret.slice(0, -1),
      `${secret}A`,
      `${secret}\n`,
      ` ${secret}`,
      secret.toUpperCase(),
      secret.replace('fca_', 'fcb_'),
    ]) {
      expect(parseToken(text)).toBeUndefined();
    }
  });

  it('of a station needs a fleet; others may be for all', () => {
    expect(codeOf(() => mint({ fleet: null }))).toBe('bad-request');
    for (const role of ['admin', 'security', 'auditor'] as const) {
      expect(mint({ role, fleet: null }).record.fleet).toBeNull();
    }
  });

  it('lives 1 to 3650 days and nothing else', () => {
    for (const validityDays of [0, -1, 3651, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(codeOf(() => mint({ validityDays }))).toBe('bad-request');
    }
    expect(mint({ validityDays: 1 }).record.expiresAt.toISOString()).toBe('2026-06-02T12:00:00.000Z');
    expect(mint({ validityDays: 3650 }).record.createdAt).toEqual(now);
  });
});

describe('a presented secret', () => {
  const { record, secret: token } = mint();
  const secret = secretOf(token);
  const other = secretOf(mint({}, 'other').secret);

  it('is good until the instant at which it ends', () => {
    const end = record.expiresAt.getTime();
    expect(codeOf(() => verifyToken(record, secret, new Date(end - 1)))).toBe('taken');
    expect(codeOf(() => verifyToken(record, secret, new Date(end)))).toBe('unauthenticated');
    expect(codeOf(() => verifyToken(record, secret, new Date(end + 1)))).toBe('unauthenticated');
  });

  it('of a revoked token is refused, also before it ends', () => {
    expect(codeOf(() => verifyToken({ ...record, revokedAt: now }, secret, now))).toBe('unauthenticated');
  });

  it('that is wrong gets one answer, whether the token exists, has ended, or was revoked', () => {
    const answers = [
      refusalOf(() => verifyToken(undefined, secret, now)),
      refusalOf(() => verifyToken(record, other, now)),
      refusalOf(() => verifyToken({ ...record, revokedAt: now }, other, now)),
      refusalOf(() => verifyToken({ ...record, expiresAt: now }, other, now)),
    ].map((refusal) => ({ code: refusal?.code, message: refusal?.message, facts: refusal?.facts }));
    expect(answers[0]?.code).toBe('unauthenticated');
    for (const answer of answers) expect(answer).toEqual(answers[0]);
  });

  it('never shows in a refusal', () => {
    for (const [held, given, at] of [
      [record, other, now],
      [record, secret, record.expiresAt],
      [{ ...record, revokedAt: now }, secret, now],
    ] as const) {
      const refusal = refusalOf(() => verifyToken(held, given, at));
      expect(`${refusal?.message} ${JSON.stringify(refusal?.facts)}`).not.toContain(given);
    }
  });

  it('that differs in one character is refused', () => {
    fc.assert(
      fc.property(fc.nat(42), fc.constantFrom(...'ABCxyz019-_'), (at, character) => {
        const changed = secret.slice(0, at) + character + secret.slice(at + 1);
        const fits = codeOf(() => verifyToken(record, changed, now)) === 'taken';
        expect(fits).toBe(changed === secret);
      }),
      { numRuns: 100, seed: 2 },
    );
  });
});
