import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import {
  createIssueTogether,
  type Fleet,
  type Generation,
  makeListIfDue,
  stageGeneration,
} from '../../src/ca/index.ts';
import { PkiError } from '../../src/errors.ts';
import { countLots, countSingles, createMetrics, type Metrics } from '../../src/metrics/index.ts';
import { remember } from '../../src/metrics/remember.ts';
import { makeDevice } from '../support/fleet.ts';
import { issueTo } from '../support/issue-to.ts';
import { contextOf, memoryCa } from '../support/memory-ca.ts';
import { readPage } from '../support/paste-page.ts';

const DAY = 86_400_000;
const world = memoryCa();
let fleet: Fleet;
let root: Generation;
let line: Generation;
let metrics: Metrics;
let tokenProblem: PkiError | null = null;
let isDown = false;
let hasToken = true;
/** How often certificates were counted. */
let counts = 0;

const down = (): never => {
  throw new PkiError('storage-unavailable', 'The database is away.');
};

beforeAll(async () => {
  fleet = await world.fleet('demo');
  root = await world.root(fleet);
  line = await world.issuing(fleet, 'line-7');
  const ca = {
    ...world.ca,
    ledger: {
      ...world.ca.ledger,
      listFleets: (...all: [string, number]) => (isDown ? down() : world.ca.ledger.listFleets(...all)),
    },
    expiries: {
      countExpiring: (...all: [number, Date, Date]) => {
        counts++;
        return world.ca.expiries.countExpiring(...all);
      },
    },
  };
  metrics = createMetrics({
    ca,
    batches: world.store,
    outgoing: world.store,
    terms: { publishHours: 24 },
    version: '9.9.9',
    presentedUntil: () => new Date('2026-08-30T12:00:00Z'),
    serverAuthorities: () => [root.certificate],
    get token() {
      return hasToken ? { problem: () => tokenProblem } : null;
    },
  });
});
afterAll(() => world.close());

const later = (ms: number): void => world.clock.set(new Date(world.clock.now().getTime() + ms));
const seconds = (at: Date | string): number => new Date(at).getTime() / 1000;

/** The series of our own, by name and labels as they stand. */
async function read(): Promise<Map<string, number>> {
  const { text } = await metrics.expose();
  const lines = text.split('\n').filter((one) => one !== '' && !one.startsWith('#'));
  return new Map(
    lines.map((one) => {
      const at = one.lastIndexOf(' ');
      return [one.slice(0, at).replace(/^fleetca_/, ''), Number(one.slice(at + 1))];
    }),
  );
}
const ROOT = 'fleet="demo",authority="root",kind="root",generation="1"';
const LINE = 'fleet="demo",authority="line-7",kind="issuing",generation="1"';

describe('the metrics', () => {
  it('tell when generations, their CRLs and the service end, and by when a rotation has to begin', async () => {
    await makeListIfDue(world.ca, world.act(), line, { validHours: 168, everyHours: 24 });
    const found = await read();
    expect(found.get(`authority_not_after_timestamp_seconds{${LINE},state="active"}`)).toBe(
      seconds('2031-05-31T12:00:00Z'),
    );
    expect(found.get(`rotation_latest_start_timestamp_seconds{${LINE}}`)).toBe(
      seconds('2030-05-30T12:00:00Z'),
    );
    expect(found.get(`crl_next_update_timestamp_seconds{${LINE}}`)).toBe(seconds('2026-06-08T11:55:00Z'));
    expect(found.get(`crl_entries{${LINE}}`)).toBe(0);
    expect(found.has(`crl_entries{${ROOT}}`)).toBe(false);
    expect(found.get('service_certificate_not_after_timestamp_seconds')).toBe(
      seconds('2026-08-30T12:00:00Z'),
    );
    expect([...found.keys()].filter((name) => name.startsWith('service_ca'))).toHaveLength(1);
    expect(found.get('build_info{version="9.9.9"}')).toBe(1);
    expect(found.get('restoration_unsettled')).toBe(0);
    expect(found.get('batches_receiving')).toBe(0);
    expect(found.get('process_resident_memory_bytes')).toBeGreaterThan(0);
  });

  it('count certificates that end soon, and look again after minutes alone', async () => {
    const issued = [];
    for (let i = 0; i < 3; i++) issued.push(await issueTo(world, fleet, line, `dev-${i}`));
    await world.store.markRevoked(world.act(), issued[0]?.fingerprint ?? new Uint8Array(), 'superseded');
    later(360 * DAY);
    const within = (found: Map<string, number>) =>
      [1, 7, 30, 90].map((days) => found.get(`certificates_expiring{fleet="demo",within_days="${days}"}`));
    expect(within(await read())).toEqual([0, 2, 2, 2]);
    const before = counts;
    later(60_000);
    await Promise.all([read(), read()]);
    expect(counts).toBe(before);
    later(5 * 60_000);
    await Promise.all([read(), read()]);
    expect(counts - before).toBe(before / 2);
  });

  it('say that a rotation is due until the next generation is on its way', async () => {
    const due = (found: Map<string, number>) =>
      ['soon', 'late'].map((one) => found.get(`rotation_due{${LINE},urgency="${one}"}`));
    expect(due(await read())).toEqual([0, 0]);
    world.clock.set(new Date('2030-04-01T12:00:00Z'));
    expect(due(await read())).toEqual([1, 0]);
    world.clock.set(new Date('2030-06-01T12:00:00Z'));
    expect(due(await read())).toEqual([0, 1]);
    await stageGeneration(world.ca, world.act(), fleet, 'line-7', {
      keyAlgorithm: null,
      profile: null,
      commonName: null,
    });
    later(30_000);
    expect(due(await read())).toEqual([0, 0]);
  });

  it('count what becomes of requests, on their own and in lots', async () => {
    const single = countSingles(createIssueTogether(world.ca), metrics.countOutcome);
    const issuer = await world.issuing(fleet, 'line-8');
    const ask = (octets: Uint8Array) =>
      single({
        act: world.act(),
        context: contextOf(fleet, issuer),
        input: { form: 'request', octets, fields: '{}' },
      });
    const { csr } = makeDevice('one');
    for (const octets of [csr, csr, Buffer.from('no csr')]) await ask(octets);
    const lots = countLots(world.store, metrics.countOutcome);
    const opening = {
      id: 'lot-1',
      fleetId: fleet.id,
      tokenId: 'ff00ff00ff00ff00',
      profile: null,
      authority: null,
    };
    const { attempt } = await lots.openBatch(world.act(), world.store.runId, opening);
    const problem = { code: 'bad-row', message: 'No.' };
    const row = { row: 1, deviceId: null, status: 'refused', intentId: null, problem, warnings: [] } as const;
    await lots.recordOutcomes(world.act(), 'lot-1', attempt, [row, { ...row, row: 2 }]);
    later(30_000);
    const found = await read();
    const of = (way: string) =>
      ['issued', 'replayed', 'refused', 'failed'].map((one) =>
        found.get(`requests_total{way="${way}",outcome="${one}"}`),
      );
    expect([of('single'), of('lot')]).toEqual([
      [1, 1, 1, 0],
      [0, 0, 2, 0],
    ]);
    expect(found.get('batches_receiving')).toBe(1);
  });

  it('say that the token or the ledger is away, and all that is known without them', async () => {
    expect((await read()).get('token_up')).toBe(1);
    tokenProblem = new PkiError('signer-unavailable', 'The token is away.');
    isDown = true;
    later(10 * 60_000);
    const found = await read();
    expect([found.get('token_up'), found.get('ledger_up')]).toEqual([0, 0]);
    expect([...found.keys()].some((name) => name.startsWith('authority_'))).toBe(false);
    expect(found.has('batches_receiving')).toBe(false);
    expect(found.has('restoration_unsettled')).toBe(false);
    isDown = false;
    expect((await read()).get('ledger_up')).toBe(1);
  });

  it('say nothing of a token where there is none', async () => {
    hasToken = false;
    expect((await read()).has('token_up')).toBe(false);
    hasToken = true;
    expect((await read()).has('token_up')).toBe(true);
  });

  it('are those that docs/metrics.md lists, and its rules ask for no other', async () => {
    const page = readPage('metrics.md');
    const { text } = await metrics.expose();
    const told = [...text.matchAll(/^# TYPE fleetca_(\w+) /gm)].map(([, name]) => String(name));
    const listed = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => String(name));
    expect(listed.toSorted()).toEqual(told.toSorted());
    const blocks = [...page.matchAll(/```yaml\n(.*?)```/gs)].map(([, block = '']) => parse(block));
    const rules: { alert: string; expr: string }[] = blocks.flatMap((block) => block.groups?.[0].rules ?? []);
    expect(rules.length).toBeGreaterThan(3);
    for (const { expr, alert } of rules)
      for (const [, name] of expr.matchAll(/fleetca_(\w+)/g)) expect(told, alert).toContain(name);
  });
});

it('what takes long to read is read less often', async () => {
  let reads = 0;
  const get = remember(world.clock, 1000, async () => {
    later(1000);
    return ++reads;
  });
  await get();
  later(97_000);
  expect(await get()).toBe(1);
  later(1000);
  expect(await get()).toBe(2);
});
