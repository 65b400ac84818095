import { describe, expect, it } from 'vitest';
import { defaultProfile, type TokenBounds, UNBOUND, verifyTokenBounds } from '../../src/enrollment/index.ts';
import { PkiError } from '../../src/errors.ts';
import { makeCsr } from '../support/csr.ts';
import { decide, station } from '../support/decide.ts';
import { codeOf } from '../support/refusal.ts';

const csr = makeCsr({ deviceId: 'line7-0001' });

function outcomeOf(bounds: Partial<TokenBounds>, labels: Record<string, string> | null = null) {
  const requester = { ...station, bounds: { ...UNBOUND, ...bounds } };
  const outcome = decide(csr, { labels }, 'generic', requester);
  return outcome instanceof PkiError ? outcome.code : outcome.content;
}

describe('a request of a token that is bound', () => {
  it('to a form of IDs is granted within it, and not-granted outside', () => {
    expect(outcomeOf({ idPattern: 'line7-####' })).toMatchObject({ deviceId: 'line7-0001' });
    expect(outcomeOf({ idPattern: 'line8-####' })).toBe('not-granted');
  });

  it('to profiles is granted under those alone', () => {
    expect(outcomeOf({ profiles: ['hsm', 'device'] })).toMatchObject({ deviceId: 'line7-0001' });
    expect(outcomeOf({ profiles: ['hsm'] })).toBe('not-granted');
  });

  it('to labels carries them, with its own', () => {
    const labels = { line: '7' };
    expect(outcomeOf({ labels })).toMatchObject({ labels: '{"line":"7"}', labelsAsked: false });
    expect(outcomeOf({ labels }, {})).toMatchObject({ labels: '{"line":"7"}', labelsAsked: true });
    expect(outcomeOf({ labels }, { a: '1' })).toMatchObject({ labels: '{"a":"1","line":"7"}' });
    expect(outcomeOf({ labels }, { line: '7' })).toMatchObject({ labels: '{"line":"7"}' });
    expect(outcomeOf({}, null)).toMatchObject({ labels: null, labelsAsked: false });
  });

  it('to a label, and names it with another value, is not-granted', () => {
    expect(outcomeOf({ labels: { line: '7' } }, { line: '8' })).toBe('not-granted');
    expect(outcomeOf({ labels: { line: '7' } }, { toString: 'x' })).toMatchObject({ labelsAsked: true });
  });
});

describe('the profile of requests that name none', () => {
  it.each([
    [[], 'device'],
    [['hsm', 'device'], 'device'],
    [['hsm', 'gateway'], 'hsm'],
  ])('%j: %s', (profiles, expected) => {
    expect(defaultProfile({ ...UNBOUND, profiles }, 'device')).toBe(expected);
  });
});

describe('bounds', () => {
  const code = (
    bounds: Partial<TokenBounds>,
    role: 'station' | 'security' | 'admin' | 'auditor' = 'station',
  ) => codeOf(() => verifyTokenBounds(role, { ...UNBOUND, ...bounds }));

  it('are for roles that ask', () => {
    for (const role of ['admin', 'auditor'] as const) {
      expect(code({}, role)).toBe('taken');
      expect(code({ labels: { a: 'b' } }, role)).toBe('bad-request');
      expect(code({ quota: { total: 1, perHour: null } }, role)).toBe('bad-request');
    }
    expect(code({ labels: { a: 'b' } }, 'security')).toBe('taken');
  });

  it.each([0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY])('%d is no quota', (count) => {
    expect(code({ quota: { total: count, perHour: null } })).toBe('bad-request');
    expect(code({ quota: { total: null, perHour: count } })).toBe('bad-request');
  });

  it('have a pattern that is one', () => {
    expect(code({ idPattern: 'a\u0000' })).toBe('bad-request');
    expect(code({ idPattern: 'dev-*' })).toBe('taken');
  });
});
