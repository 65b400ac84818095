import { afterAll, beforeAll, expect, it } from 'vitest';
import { type Service, startService, stopSound } from '../support/service.ts';

let service: Service;

beforeAll(async () => {
  service = await startService({
    flags: { rateLimitFailuresPerMinute: '5', rateLimitRequestsPerMinute: '60' },
  });
});

afterAll(() => stopSound(service));

const guess = (headers: Record<string, string> = {}) =>
  service.call('GET', '/v1/fleets', { token: `fca_0123456789abcdef_${'A'.repeat(43)}`, headers });
const attempt = (headers: Record<string, string> = {}) => guess(headers).then(({ status }) => status);

it('after so many failures in a minute a source is refused, whatever it says of where it comes from', async () => {
  for (let n = 0; n < 5; n++) expect(await attempt()).toBe(401);
  expect((await guess()).code()).toBe('rate-limited');
  expect(await attempt({ 'x-forwarded-for': '10.1.2.3' })).toBe(429);
  expect(await attempt({ forwarded: 'for=10.1.2.3' })).toBe(429);
});

it('a token that is valid still works from there', async () => {
  expect((await service.call('GET', '/v1/fleets', { token: service.admin })).status).toBe(200);
});

it('after so many calls of any kind in a minute a source is refused, and told when to come back', async () => {
  let last = await service.call('GET', '/healthz');
  for (let n = 0; n < 60 && last.status === 200; n++) last = await service.call('GET', '/healthz');
  expect([last.status, last.code()]).toEqual([429, 'rate-limited']);
  expect(Number(last.headers['retry-after'])).toBeLessThanOrEqual(60);
  expect((await service.call('GET', '/v1/fleets', { token: service.admin })).status).toBe(429);
});
