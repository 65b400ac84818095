import { describe, expect, it } from 'vitest';
import { backoffMs, persist, retryDelayMs } from '../../src/cli/client/backoff.ts';
import { LocalFailure } from '../../src/cli/local-failure.ts';
import { PkiError } from '../../src/errors.ts';

const cutOff = new LocalFailure('cut-off', 'It broke off.');
const unreachable = new LocalFailure('unreachable', 'Nobody is there.');
const asked = (seconds: number) => new PkiError('busy', 'Later.', { facts: { retryAfterSeconds: seconds } });

describe('the wait before a retry', () => {
  it('doubles up to 30 seconds, half of it left to chance', () => {
    const least = [1, 2, 3, 4, 5, 6, 7, 8, 100].map((nth) => backoffMs(nth, () => 0));
    expect(least).toEqual([250, 500, 1000, 2000, 4000, 8000, 15_000, 15_000, 15_000]);
    expect(backoffMs(1, () => 0.999999)).toBe(500);
    expect(backoffMs(2000, () => 0.999999)).toBe(30_000);
  });

  it('is never shorter than the service asks', () => {
    expect(retryDelayMs(asked(7), 1, () => 0)).toBe(7000);
    expect(retryDelayMs(asked(1), 6, () => 0)).toBe(8000);
  });

  it.each([
    ['a refusal without Retry-After', new PkiError('storage-full', 'No room.')],
    ['a wait of half an hour', asked(1800)],
    ['a certificate that is not trusted', new LocalFailure('untrusted', 'Who is that?')],
    ['a file that cannot be written', new LocalFailure('usage', 'No room.')],
    ['a defect', new Error('oops')],
  ])('does not come after %s', (_what, failure) => {
    expect(retryDelayMs(failure, 1, () => 0)).toBeUndefined();
  });
});

describe('a call that is made until it works out', () => {
  const never = new AbortController().signal;
  const silently = { signal: never, onRetry: () => undefined };
  const failing = (failures: readonly Error[]) => {
    const left = [...failures];
    return async () => {
      const failure = left.shift();
      if (failure) throw failure;
      return 'done';
    };
  };
  const nothing = () => false;

  it('is made again after it broke off, and then where nobody listens', async () => {
    const call = failing([cutOff, unreachable]);
    await expect(persist(call, { ...silently, retries: 2 }, nothing)).resolves.toBe('done');
  });

  it('fails at once where nobody ever listened', async () => {
    await expect(persist(failing([unreachable]), { ...silently, retries: 9 }, nothing)).rejects.toBe(
      unreachable,
    );
  });

  it('is made once without retries', async () => {
    await expect(persist(failing([cutOff]), { ...silently, retries: 0 }, nothing)).rejects.toBe(cutOff);
  });

  it('has its retries anew where something moved on', async () => {
    const counts: number[] = [];
    const onRetry = (_failure: Error, _waitMs: number, nth: number) => counts.push(nth);
    const call = failing([cutOff, cutOff, cutOff]);
    await persist(call, { signal: never, onRetry, retries: 1 }, () => true);
    expect(counts).toEqual([1, 1, 1]);
  });

  it('stops waiting when it is told to', async () => {
    const stop = new AbortController();
    const onRetry = () => stop.abort();
    await expect(
      persist(failing([cutOff]), { signal: stop.signal, onRetry, retries: 5 }, nothing),
    ).rejects.toMatchObject({ name: 'AbortError' });
  });
});
