import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeDevice, makeFleet, makeToken, rowOf, type TestFleet } from '../support/fleet.ts';
import { openLot, sendLot } from '../support/lot-upload.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

let service: Service;
let fleet: TestFleet;
const data = scratchFolder();

beforeAll(async () => {
  service = await startService({ data });
  fleet = await makeFleet(service, 'demo');
});

afterAll(() => stopSound(service));

const station = (bounds: Record<string, unknown>): Promise<string> =>
  makeToken(service, { name: 'line', role: 'station', fleet: 'demo', ...bounds });

const ask = (token: string, deviceId: string, more: Record<string, unknown> = {}) =>
  service.call('POST', '/v1/fleets/demo/certificates', {
    token,
    json: { csr: Buffer.from(makeDevice(deviceId).csr).toString('base64'), ...more },
  });

const lotOf = (prefix: string, count: number): string =>
  Array.from({ length: count }, (_, i) => rowOf(makeDevice(`${prefix}-${i}`).csr)).join('');

const sendAs = async (token: string, rows: string, key?: string) =>
  (
    await sendLot(
      service,
      { ...fleet, tokens: { ...fleet.tokens, station: token } },
      rows,
      key ? { key } : {},
    )
  ).lines();

const tokenOf = async (token: string) => {
  const list = await service.call('GET', '/v1/tokens?limit=1000', { token: service.admin });
  return list.json().items.find(({ id }: { id: string }) => id === token.slice(4, 20));
};

describe('a quota', () => {
  it('in total refuses what lies beyond it, in input order, and replays go on', async () => {
    const token = await station({ quota: { total: 150 } });
    const rows = lotOf('total', 200);
    const lines = await sendAs(token, rows, 'total');
    const statuses = lines.slice(0, -1).map(({ status, problem }) => problem?.code ?? status);
    expect(statuses).toEqual([...Array(150).fill('issued'), ...Array(50).fill('quota-exceeded')]);
    expect((await tokenOf(token)).spent.total).toBe(150);
    expect((await sendAs(token, rows, 'total')).at(-1).summary).toMatchObject({ replayed: 150, refused: 50 });
    const alone = await ask(token, 'total-alone');
    expect([alone.status, alone.code()]).toEqual([429, 'quota-exceeded']);
    expect(alone.headers['retry-after']).toBe('86400');
    // A refused row took nothing: another station has its device.
    const other = await sendAs(fleet.tokens.station, rows, 'total');
    expect(other.at(-1).summary).toMatchObject({ issued: 50, replayed: 150 });
  });

  it('is right for lots at one time', async () => {
    const token = await station({ quota: { total: 100, perHour: 500 } });
    const lots = await Promise.all([1, 2, 3].map((n) => sendAs(token, lotOf(`many-${n}`, 60))));
    const issued = lots.map((lines) => lines.at(-1).summary.issued).reduce((a, b) => a + b);
    expect(issued).toBe(100);
    const { spent } = await tokenOf(token);
    expect([spent.total, spent.hour.count]).toEqual([100, 100]);
  });

  it('outlives the service, killed or not', async () => {
    const token = await station({ quota: { total: 3 } });
    expect((await ask(token, 'before-1')).status).toBe(201);
    await service.kill();
    service = await startService({ data });
    expect((await ask(token, 'before-2')).status).toBe(201);
    await service.stop();
    service = await startService({ data });
    expect((await ask(token, 'before-3')).status).toBe(201);
    expect((await ask(token, 'before-4')).code()).toBe('quota-exceeded');
  });

  it('of an hour says when the next begins', async () => {
    const token = await station({ quota: { perHour: 1 } });
    expect((await ask(token, 'hour-1')).status).toBe(201);
    const beyond = await ask(token, 'hour-2');
    // Unless the hour has just turned.
    if (beyond.status === 201) return;
    expect(beyond.code()).toBe('quota-exceeded');
    const seconds = Number(beyond.headers['retry-after']);
    expect(seconds).toBeGreaterThan(0);
    expect(seconds).toBeLessThanOrEqual(3600);
  });
});

describe('a station', () => {
  it('stamps its labels, and refuses another value for one of them', async () => {
    const token = await station({ labels: { line: '7' } });
    expect((await ask(token, 'label-1')).json().labels).toEqual({ line: '7' });
    expect((await ask(token, 'label-2', { labels: { lot: 'a' } })).json().labels).toEqual({
      line: '7',
      lot: 'a',
    });
    expect((await ask(token, 'label-3', { labels: { line: '7' } })).status).toBe(201);
    const refused = await ask(token, 'label-4', { labels: { line: '8' } });
    expect([refused.status, refused.code()]).toEqual([422, 'not-granted']);
  });

  it('asks for IDs of its form alone', async () => {
    const token = await station({ idPattern: 'form-####' });
    expect((await ask(token, 'form-0001')).status).toBe(201);
    for (const id of ['form-1', 'form-00011', 'Form-0001', 'xform-0001']) {
      expect((await ask(token, id)).code(), id).toBe('not-granted');
    }
  });

  it('asks under its profiles alone', async () => {
    const token = await station({ profiles: ['device'] });
    expect((await ask(token, 'profile-1')).status).toBe(201);
    const make = (profiles: readonly string[]) =>
      service.call('POST', '/v1/tokens', {
        token: service.admin,
        json: { name: 'x', role: 'station', fleet: 'demo', profiles },
      });
    expect((await make(['nowhere'])).code()).toBe('profile-unknown');
  });

  it('shows in the list of tokens with what it is bound to', async () => {
    const bounds = {
      quota: { total: 5, perHour: 2 },
      labels: { a: 'b' },
      profiles: ['device'],
      idPattern: 'x*',
    };
    const token = await station(bounds);
    expect(await tokenOf(token)).toMatchObject({ ...bounds, spent: { total: 0, hour: null } });
  });
});

describe('the live state of the line', () => {
  const list = async (query: string, token: string) =>
    (await service.call('GET', `/v1/batches${query}`, { token })).json().items;

  it('shows every lot under way, of each station, with its counts and rate', async () => {
    const [one, two] = [await station({}), await station({})];
    const lots = [one, two].map((token, i) => {
      const as = { ...fleet, tokens: { ...fleet.tokens, station: token } };
      return openLot(service, as, { key: `live-${i}` });
    });
    for (const [i, lot] of lots.entries()) await lot.write(lotOf(`live-${i}`, 5));
    const { auditor } = fleet.tokens;
    let items: readonly Record<string, unknown>[] = [];
    while (items.length < 2 || items.some(({ rows }) => rows !== 5)) {
      items = await list('?state=receiving&fleet=demo', auditor);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    // Both came at the same time: either may have been opened first.
    expect(Object.fromEntries(items.map(({ id, token }) => [id, token]))).toEqual({
      'live-0': one.slice(4, 20),
      'live-1': two.slice(4, 20),
    });
    for (const item of items)
      expect(item).toMatchObject({ state: 'receiving', rows: 5, issued: 5, endedAt: null });
    for (const lot of lots) await lot.finish();
    expect(await list('?state=receiving', auditor)).toEqual([]);
    const [done] = await list(`?token=${one.slice(4, 20)}`, auditor);
    expect(done).toMatchObject({ id: 'live-0', state: 'complete', rows: 5 });
    expect(done.rowsPerSecond).toBeGreaterThan(0);
  });

  it('is that of the fleet that the token is bound to', async () => {
    const other = await makeFleet(service, 'other');
    expect(await list('', other.tokens.auditor)).toEqual([]);
    const asked = await service.call('GET', '/v1/batches?fleet=demo', { token: other.tokens.auditor });
    const nowhere = await service.call('GET', '/v1/batches?fleet=nowhere', { token: other.tokens.auditor });
    expect([asked.status, nowhere.status]).toEqual([404, 404]);
    const unbound = await makeToken(service, { name: 'all', role: 'auditor' });
    expect((await list('?fleet=demo', unbound)).length).toBeGreaterThan(0);
  });
});

it('bounds that do not fit are refused', async () => {
  const make = async (json: Record<string, unknown>) =>
    (await service.call('POST', '/v1/tokens', { token: service.admin, json: { name: 'x', ...json } })).code();
  const bound = { role: 'station', fleet: 'demo' };
  expect(await make({ role: 'auditor', quota: { total: 1 } })).toBe('bad-request');
  expect(await make({ ...bound, quota: { total: 0 } })).toBe('bad-json');
  expect(await make({ ...bound, quota: { perDay: 5 } })).toBe('bad-json');
  // A bound that binds nothing is a slip.
  expect(await make({ ...bound, quota: {} })).toBe('bad-json');
  expect(await make({ ...bound, profiles: [] })).toBe('bad-json');
  expect(await make({ ...bound, labels: { 'not a name': 'x' } })).toBe('bad-json');
  expect(await make({ ...bound, labels: { empty: '' } })).toBe('bad-json');
  expect(await make({ ...bound, idPattern: 'e\u0301' })).toBe('bad-request');
  const many = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`l${i}`, 'x']));
  expect(await make({ ...bound, labels: many })).toBe('bad-json');
});
