import { describe, expect, it } from 'vitest';
import { refusalOf } from '../../src/cli/client/problem.ts';
import { secondsToWait } from '../../src/cli/client/repeat.ts';
import { LocalFailure } from '../../src/cli/local-failure.ts';
import { PkiError } from '../../src/errors.ts';

describe('an answer that is no success', () => {
  it('is the refusal that the service threw', () => {
    const body = JSON.stringify({
      code: 'bad-json',
      detail: 'It does not fit.',
      violations: [{ at: '/csr', message: 'is missing' }],
    });
    const refusal = refusalOf(400, body, undefined);
    expect(refusal).toBeInstanceOf(PkiError);
    expect(refusal).toMatchObject({
      code: 'bad-json',
      message: 'It does not fit.',
      violations: [{ at: '/csr', message: 'is missing' }],
    });
  });

  it('is a defect of the service where it has no code, and names the request', () => {
    const refusal = refusalOf(
      500,
      JSON.stringify({ type: 'about:blank', instance: 'urn:uuid:1' }),
      undefined,
    );
    expect(refusal).toMatchObject({ code: 'service-defect' });
    expect(refusal.message).toContain('urn:uuid:1');
  });

  it.each(['', 'not JSON', '[]', 'null', '{"code":"made-up"}', '{"code":"toString"}'])(
    'is one too where it holds %j',
    (body) => {
      expect(refusalOf(502, body, undefined)).toBeInstanceOf(LocalFailure);
    },
  );
});

describe('the same call again', () => {
  it('waits as long as the service asks, if that is not long', () => {
    expect(secondsToWait(refusalOf(503, '{"code":"busy"}', '3'))).toBe(3);
    expect(secondsToWait(refusalOf(429, '{"code":"rate-limited"}', '60'))).toBeUndefined();
    expect(secondsToWait(new LocalFailure('cut-off', ''))).toBe(1);
  });

  it('is not made where it would be refused again', () => {
    expect(secondsToWait(new PkiError('storage-full', ''))).toBeUndefined();
    expect(secondsToWait(new PkiError('not-found', ''))).toBeUndefined();
    expect(secondsToWait(new LocalFailure('unreachable', ''))).toBeUndefined();
    expect(secondsToWait(new Error('defect'))).toBeUndefined();
  });
});
