import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import {
  declareCompromised,
  type Fleet,
  type Generation,
  recordAuthoritiesExpiring,
  recordRotationsDue,
  stageGeneration,
} from '../../src/ca/index.ts';
import { createLogger } from '../../src/log.ts';
import { type Answer, CallFailure, type CallWish, type Line, retryAfterMs } from '../../src/outgoing/call.ts';
import type { DeliveryContext } from '../../src/outgoing/deliver.ts';
import type { EventType, NewDestination, Webhook } from '../../src/outgoing/index.ts';
import { nextAttempt } from '../../src/outgoing/outcome.ts';
import { takeStep } from '../../src/outgoing/walk.ts';
import { systemRandom } from '../../src/random.ts';
import { fresh } from '../store/sample.ts';
import { issueTo } from '../support/issue-to.ts';
import { type MemoryCa, memoryCa } from '../support/memory-ca.ts';

const DAY_MS = 86_400_000;
const SECRET = `whsec_${Buffer.alloc(32).toString('base64')}`;

let world: MemoryCa;
let fleet: Fleet;
let root: Generation;
let context: DeliveryContext;
const worlds: MemoryCa[] = [];

beforeEach(async () => {
  world = memoryCa();
  worlds.push(world);
  fleet = await world.fleet('demo');
  root = await world.root(fleet);
  context = {
    ca: world.ca,
    store: world.store,
    batches: world.store,
    retry: { attempts: 3, firstRetrySeconds: 10 },
    log: createLogger({ level: 'silent' }),
  };
});
afterAll(() => Promise.all(worlds.map((one) => one.close())));

/** A line whose other end is here. */
function lineTo(answer: (wish: CallWish) => Partial<Answer> | Promise<Partial<Answer>>) {
  const sent: CallWish[] = [];
  let ended = false;
  const line: Line = {
    call: async (wish) => {
      sent.push(wish);
      return { status: 200, body: Buffer.alloc(0), waitMs: 0, ...(await answer(wish)) };
    },
    isEnded: () => ended,
    close: () => undefined,
  };
  const events = () => sent.map(({ body = '{}' }) => JSON.parse(body));
  return { line, sent, events, end: () => (ended = true) };
}

const down = (): never => {
  throw new CallFailure('The server cannot be reached (ECONNREFUSED).', { isDown: true });
};

async function addWebhook(events: readonly EventType[]): Promise<void> {
  const wish: NewDestination = {
    id: fresh('id').slice(3, 15),
    fleetId: fleet.id,
    kind: 'webhook',
    name: 'erp',
    url: 'https://erp.example.com',
    settings: { events, expiringDays: 30, serverCa: null },
    secret: null,
  };
  await world.store.recordDestination(world.act(), wish);
}

const webhook = async (): Promise<Webhook> =>
  (await world.store.findDestination(fleet.id, 'webhook', 'erp')) as Webhook;

/** Goes on until there is nothing to do, or it would be in vain; gives how often it went on. */
async function walk(line: Line): Promise<number> {
  for (let steps = 0; ; steps++) {
    const reached = { destination: await webhook(), fleet, line, secret: SECRET };
    if ((await takeStep(context, reached)) !== 'went-on') return steps;
  }
}

const issue = (deviceId: string, of = fleet) => issueTo(world, of, root, deviceId);
const pass = (ms: number): void => world.clock.set(new Date(world.clock.now().getTime() + ms));
const deliveries = () => world.store.listDeliveries({ fleetId: fleet.id, state: null }, 0, 100);

describe('a webhook', () => {
  test('is told of what came after it, once, and not of other fleets', async () => {
    await issue('before');
    await addWebhook(['certificate.issued', 'authority.published']);
    const other = await world.fleet('other');
    const theirs = await world.root(other);
    await issueTo(world, other, theirs, 'of-another-fleet');
    await issue('after');
    await world.issuing(fleet, 'line-7');
    const { line, events } = lineTo(() => ({}));
    await walk(line);
    expect(await walk(line)).toBe(0);
    const told = events().map(({ type, data }) => [type, data.deviceId ?? data.authority]);
    expect(told).toEqual([
      ['certificate.issued', 'after'],
      ['authority.published', 'line-7'],
    ]);
  });

  test('is told once that a rotation has to begin soon, and once that it is late', async () => {
    const generation = await world.issuing(fleet, 'line-7');
    await addWebhook(['rotation.due']);
    const { line, events } = lineTo(() => ({}));
    const look = () => recordRotationsDue(world.ca, world.act(), fleet, { publishHours: 24 });
    expect(await look()).toEqual([]);
    const wish = { authority: 'line-7', generation: 1, latestStart: '2030-05-30T12:00:00.000Z' };
    for (const days of [1825 - 366 - 100, 1825 - 366 + 1]) {
      world.clock.set(new Date(generation.createdAt.getTime() + days * 86_400_000));
      expect(await look()).toHaveLength(1);
      expect(await look()).toEqual([]);
      await walk(line);
    }
    expect(events()).toMatchObject([
      { type: 'rotation.due', data: { ...wish, urgency: 'soon' } },
      { type: 'rotation.due', data: { ...wish, urgency: 'late' } },
    ]);
  });

  test('is told once for each number of days that an authority is about to end, and not of days that went by unseen', async () => {
    const { createdAt } = await world.issuing(fleet, 'line-7');
    await addWebhook(['authority.expiring']);
    const { line, events } = lineTo(() => ({}));
    const look = () => recordAuthoritiesExpiring(world.ca, world.act(), fleet);
    const told = [];
    for (const left of [91, 80, 6, 5, 0.5, -1]) {
      world.clock.set(new Date(createdAt.getTime() + (1825 - left) * DAY_MS));
      told.push((await look()).length);
      expect(await look()).toEqual([]);
      await walk(line);
    }
    expect(told).toEqual([0, 1, 1, 0, 1, 0]);
    const wish = {
      authority: 'line-7',
      generation: 1,
      state: 'active',
      notAfter: '2031-05-31T12:00:00.000Z',
    };
    expect(events()).toMatchObject(
      [90, 7, 1].map((withinDays) => ({ type: 'authority.expiring', data: { ...wish, withinDays } })),
    );
  });

  test('hears nothing of a rotation that is on its way', async () => {
    const line = await world.issuing(fleet, 'line-7');
    world.clock.set(new Date(line.createdAt.getTime() + 1700 * 86_400_000));
    await stageGeneration(world.ca, world.act(), fleet, 'line-7', {
      keyAlgorithm: null,
      profile: null,
      commonName: null,
    });
    expect(await recordRotationsDue(world.ca, world.act(), fleet, { publishHours: 24 })).toEqual([]);
  });

  test('is told of a generation when relying parties may see it, and when it issues', async () => {
    await world.issuing(fleet, 'line-7');
    await addWebhook(['authority.published', 'authority.rotated', 'authority.compromised']);
    const wish = { keyAlgorithm: null, profile: null, commonName: null };
    await stageGeneration(world.ca, world.act(), fleet, 'line-7', wish);
    const { line, events } = lineTo(() => ({}));
    await walk(line);
    expect(events()).toEqual([]);
    const order = {
      fleetId: fleet.id,
      authority: 'line-7',
      number: 2,
      forced: null,
      terms: { publishHours: 0 },
    };
    for (const move of ['publish', 'activate', 'roll-back'] as const) {
      await world.store.moveGeneration(world.act(), { ...order, move });
    }
    const { authority } = order;
    const wanted = { authority, number: 1, reason: 'lost', withdrawal: 'now', confirmed: 0 } as const;
    await declareCompromised(world.ca, world.act(), fleet, wanted);
    await walk(line);
    expect(events().map(({ type, data }) => [type, data.authority, data.generation])).toEqual([
      ['authority.published', 'line-7', 2],
      ['authority.rotated', 'line-7', 2],
      ['authority.rotated', 'line-7', 1],
      ['authority.compromised', 'line-7', 1],
      ['authority.rotated', 'line-7', 2],
    ]);
  });

  test('that is down is called once for all that was due, and told all of it later, in the same words', async () => {
    await addWebhook(['certificate.issued']);
    const ids = Array.from({ length: 30 }, (_, i) => `dev-${i}`);
    for (const id of ids) await issue(id);
    const broken = lineTo(down);
    await walk(broken.line);
    expect(broken.sent.length).toBeLessThanOrEqual(8);
    const kept = await deliveries();
    expect(new Set(kept.map(({ state, attempts }) => `${state} ${attempts}`))).toEqual(
      new Set(['pending 1']),
    );
    const good = lineTo(() => ({}));
    await walk(good.line);
    expect(good.sent).toHaveLength(ids.length - kept.length);
    pass(12_000);
    await walk(good.line);
    expect(
      good
        .events()
        .map(({ data }) => data.deviceId)
        .sort(),
    ).toEqual([...ids].sort());
    expect(await deliveries()).toEqual([]);
    const first = broken.sent[0];
    const again = good.sent.find(({ headers }) => headers['webhook-id'] === first?.headers['webhook-id']);
    expect(again?.body).toBe(first?.body);
  });

  test('is given up after so many tries, and at once where it says that it is gone', async () => {
    await addWebhook(['certificate.issued']);
    await issue('dev-1');
    const broken = lineTo(() => ({ status: 500 }));
    await walk(broken.line);
    for (let i = 0; i < 5; i++) {
      pass(3_600_000);
      await walk(broken.line);
    }
    expect(broken.sent).toHaveLength(3);
    await issue('dev-2');
    const gone = lineTo(() => ({ status: 410 }));
    await walk(gone.line);
    expect((await deliveries()).map(({ state, attempts }) => [state, attempts])).toEqual([
      ['dead', 3],
      ['dead', 1],
    ]);
  });

  test('that is broken off as the service ends has failed in nothing, and is told again', async () => {
    await addWebhook(['certificate.issued']);
    await issue('dev-1');
    const broken = lineTo(() => {
      broken.end();
      return down();
    });
    await walk(broken.line);
    expect(await deliveries()).toEqual([]);
    const good = lineTo(() => ({}));
    await walk(good.line);
    expect(good.sent).toHaveLength(1);
  });
});

describe('a certificate that comes to its end', () => {
  test('is told of once, within the time that is asked for, and not where it was revoked', async () => {
    await addWebhook(['certificate.expiring']);
    await issue('dev-1');
    const { fingerprint } = await issue('revoked');
    await world.store.markRevoked(world.act(), fingerprint, 'keyCompromise');
    const { line, events } = lineTo(() => ({}));
    await walk(line);
    pass(300 * DAY_MS);
    await walk(line);
    expect(events()).toEqual([]);
    pass(50 * DAY_MS);
    await walk(line);
    expect(events().map(({ type, data }) => `${type} ${data.deviceId}`)).toEqual([
      'certificate.expiring dev-1',
    ]);
    for (let day = 0; day < 20; day++) {
      pass(DAY_MS);
      await walk(line);
    }
    expect(events()).toHaveLength(1);
  });
});

test('the pauses between tries grow fourfold, up to six hours, and are not all alike', () => {
  const now = new Date('2026-06-01T12:00:00Z');
  const pauses = (attempts: number) => {
    const next = nextAttempt(attempts, now, { attempts: 10, firstRetrySeconds: 10 }, systemRandom);
    return next === null ? null : (next.getTime() - now.getTime()) / 1000;
  };
  const most = [10, 40, 160, 640, 2560, 10_240, 21_600, 21_600, 21_600];
  most.forEach((seconds, i) => {
    expect(pauses(i + 1)).toBeGreaterThanOrEqual(0.9 * seconds);
    expect(pauses(i + 1)).toBeLessThanOrEqual(1.1 * seconds);
  });
  expect(pauses(10)).toBeNull();
  expect(new Set(Array.from({ length: 50 }, () => pauses(6))).size).toBeGreaterThan(1);
});

test('no try is made sooner than the server asks, and none later than after six hours for that', () => {
  const now = new Date('2026-06-01T12:00:00Z');
  const terms = { attempts: 10, firstRetrySeconds: 10 };
  const pause = (waitMs: number) =>
    ((nextAttempt(1, now, terms, systemRandom, waitMs)?.getTime() ?? 0) - now.getTime()) / 1000;
  expect(pause(120_000)).toBe(120);
  expect(pause(1_000)).toBeGreaterThanOrEqual(9);
  expect(pause(7 * 86_400_000)).toBe(21_600);
});

test('what a server asks for is read as seconds and as a date', () => {
  const now = Date.parse('2026-06-01T12:00:00Z');
  expect(retryAfterMs('120', now)).toBe(120_000);
  expect(retryAfterMs('Mon, 01 Jun 2026 12:00:30 GMT', now)).toBe(30_000);
  for (const nothing of [undefined, '', 'soon', '-5', 'Mon, 01 Jun 2020 12:00:30 GMT'])
    expect(retryAfterMs(nothing, now)).toBe(0);
});
