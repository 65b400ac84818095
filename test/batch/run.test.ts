import { afterAll, describe, expect, it } from 'vitest';
import {
  type BatchRun,
  type BatchStore,
  Progress,
  type RowSource,
  readLot,
  receive,
  type StoredOutcome,
} from '../../src/batch/index.ts';
import { type CaContext, type Fleet, type Move, stageGeneration } from '../../src/ca/index.ts';
import { PkiError } from '../../src/errors.ts';
import { parseCertificate } from '../../src/x509/index.ts';
import { makeCsr, makeKey, type TestKey } from '../support/csr.ts';
import { memoryCa, stationOf } from '../support/memory-ca.ts';
import { codeOfPromise } from '../support/refusal.ts';

const world = memoryCa();
afterAll(() => world.close());
const fleet = await world.fleet('demo');
await world.root(fleet);
const second = await world.fleet('several');
await world.root(second);
await world.issuing(second, 'line-1');
await world.issuing(second, 'line-2');

let lots = 0;
interface LotWish {
  readonly store?: Partial<BatchStore>;
  readonly ca?: Partial<CaContext>;
  readonly fleet?: Fleet;
  readonly authority?: string | null;
}

/** A lot that was opened, ready to receive. */
async function openLot({
  store = {},
  ca = {},
  fleet: own = fleet,
  authority = null,
}: LotWish = {}): Promise<BatchRun> {
  const batchId = `lot-${lots++}`;
  const requester = stationOf(own);
  const opening = { id: batchId, fleetId: own.id, tokenId: requester.id, profile: null, authority };
  const { attempt } = await world.store.openBatch(world.act(), world.ca.runId, opening);
  return {
    ca: { ...world.ca, ...ca },
    store: { ...world.store, ...store },
    batchId,
    attempt,
    context: { fleet: { id: own.id, name: own.name, target: own.target }, requester, profile: 'device' },
    authority,
    progress: new Progress(),
  };
}

const ndjson = (octets: AsyncIterable<Uint8Array>): RowSource => readLot('ndjson', octets, 'cn');

async function* upload(rows: readonly (string | Uint8Array)[], end?: Error): AsyncGenerator<Uint8Array> {
  for (const row of rows) yield Buffer.concat([Buffer.from(row), Buffer.from('\n')]);
  if (end) throw end;
}

const keys = Array.from({ length: 8 }, () => makeKey());
let devices = 0;
/** A fresh device's row. */
function row(more: object = {}, key: TestKey = makeKey(), deviceId = `device-${devices++}`): string {
  return JSON.stringify({ csr: Buffer.from(makeCsr({ deviceId, key })).toString('base64'), ...more });
}

const outcomesOf = (run: BatchRun): Promise<readonly StoredOutcome[]> =>
  world.store.listOutcomes(run.batchId, run.attempt, 0, 100_000);
const said = (outcomes: readonly StoredOutcome[]) => outcomes.map((o) => o.problem?.code ?? o.status);
async function attemptOf(run: BatchRun) {
  const batch = await world.store.findBatch(run.batchId);
  return batch?.attempts.find(({ number }) => number === run.attempt);
}

async function send(rows: readonly (string | Uint8Array)[], wish: LotWish = {}) {
  const run = await openLot(wish);
  await receive(run, ndjson(upload(rows)));
  return { run, outcomes: await outcomesOf(run) };
}

/** A fleet whose issuing authority has gone to its second generation. */
async function rotated(name: string) {
  const own = await world.fleet(name);
  await world.root(own);
  await world.issuing(own, 'line-1');
  const same = { keyAlgorithm: null, profile: null, commonName: null };
  await stageGeneration(world.ca, world.act(), own, 'line-1', same);
  const move = (step: Move) =>
    world.ca.rotation.moveGeneration(world.act(), {
      ...{ fleetId: own.id, authority: 'line-1', number: 2, move: step, forced: 'test' },
      terms: { publishHours: 0 },
    });
  await move('publish');
  await move('activate');
  return { own, move };
}

describe('a lot', () => {
  it('goes on under the generation of before where the one that was to sign is taken back meanwhile', async () => {
    const { own, move } = await rotated('taken-back');
    let isBack = false;
    const steps: CaContext['steps'] = {
      ...world.ca.steps,
      prepare: async (order) => {
        const prepared = await world.ca.steps.prepare(order);
        if (!isBack) await move('roll-back');
        isBack = true;
        return prepared;
      },
    };
    const { outcomes } = await send([row(), row()], { fleet: own, ca: { steps }, authority: 'line-1' });
    expect(said(outcomes)).toEqual(['issued', 'issued']);
    const generations = await world.ca.ledger.listGenerations(own.id);
    const first = generations.find(({ authority, number }) => authority === 'line-1' && number === 1);
    const standing = { under: [first?.id ?? 0], trusted: [], at: world.clock.now() };
    expect((await world.ca.rotation.listStanding(standing, '', 10)).standing).toHaveLength(2);
  });

  it('has one outcome a row, in the order of the rows, and one bad row stops no other', async () => {
    const twice = row({ labels: { line: '7' } }, keys[0], 'device-twice');
    const rows: [string | Uint8Array, string][] = [
      [row(), 'issued'],
      ['{', 'bad-json'],
      [row({ surprise: 1 }), 'bad-json'],
      ['{"csr":"AA==","csr":"AA=="}', 'bad-json'],
      [Buffer.from([0x22, 0xff, 0x22]), 'bad-row'],
      ['x'.repeat(70_000), 'too-large'],
      [JSON.stringify({ csr: 'MAA=' }), 'bad-der'],
      [row({ deviceId: 'another' }), 'device-id-mismatch'],
      [row({ deviceId: 'nul\0' }), 'bad-json'],
      [row({ profile: 'nothing' }), 'profile-unknown'],
      [row({ supersede: { reason: 'x' } }), 'not-found'],
      [row({ notAfter: '2020-01-01T00:00:00Z' }), 'bad-request'],
      [row({ notAfter: '2099-01-01T00:00:00Z' }), 'validity-exceeds-issuer'],
      [twice, 'issued'],
      [twice, 'replayed'],
      [row({ labels: { line: '8' } }, keys[0], 'device-twice'), 'request-differs'],
      [row({}, keys[0], 'device-thief'), 'key-of-another-device'],
      [row({}, keys[1], 'device-twice'), 'device-has-other-key'],
      [row({}, keys[2], 'DEVICE-TWICE'), 'device-id-twin'],
      [row(), 'issued'],
    ];
    const { run, outcomes } = await send(rows.map(([text]) => text));
    expect(said(outcomes)).toEqual(rows.map(([, expected]) => expected));
    expect(outcomes.map((o) => o.row)).toEqual(rows.map((_, i) => i + 1));
    expect(await attemptOf(run)).toMatchObject({
      state: 'complete',
      rows: 20,
      issued: 3,
      replayed: 1,
      refused: 16,
      failed: 0,
    });
    expect(run.progress.ended).toBe('complete');
  });

  it('of rows over several chunks keeps their order', async () => {
    const rows = Array.from({ length: 300 }, (_, i) =>
      i % 3 === 0 && i % 2 === 0 ? row({}, keys[i % 8]) : '{',
    );
    const { outcomes } = await send(rows);
    expect(outcomes.map((o) => o.row)).toEqual(rows.map((_, i) => i + 1));
    expect(outcomes.map((o) => o.seq)).toEqual(rows.map((_, i) => i + 1));
  });

  it('gives each issued row its own certificate, on record', async () => {
    const { outcomes } = await send([row(), row(), row()]);
    const subjects = outcomes.map(
      (o) => parseCertificate(o.certificate as Uint8Array).subject.rdns[0]?.[0]?.value,
    );
    expect(subjects).toEqual(outcomes.map((o) => o.deviceId));
    expect(new Set(outcomes.map((o) => Buffer.from(o.serial as Uint8Array).toString('hex'))).size).toBe(3);
  });

  it('says which device a refused row was for, as far as it got', async () => {
    const { outcomes } = await send([
      row({ deviceId: 'claimed' }, keys[3], 'other'),
      '{',
      row({}, keys[0], 'device-thief'),
    ]);
    expect(outcomes.map((o) => o.deviceId)).toEqual(['claimed', null, 'device-thief']);
  });

  it('without rows is complete', async () => {
    const { run, outcomes } = await send([]);
    expect(outcomes).toEqual([]);
    expect(await attemptOf(run)).toMatchObject({ state: 'complete', rows: 0 });
  });

  it('issues from the authority that it names, and fails every row where several stand to choose from', async () => {
    const wish = { fleet: second };
    expect(said((await send([row()], { ...wish, authority: 'line-2' })).outcomes)).toEqual(['issued']);
    const { outcomes } = await send([row(), '{'], wish);
    expect(said(outcomes)).toEqual(['authority-ambiguous', 'authority-ambiguous']);
    expect(outcomes.map((o) => o.status)).toEqual(['failed', 'failed']);
  });
});

describe('a key or ledger that fails', () => {
  it('makes the rows of that chunk fail and lets the lot go on', async () => {
    const run = await openLot();
    const rows = [row(), '{', row()];
    world.keystore.failure = new PkiError('signer-unavailable', 'The token is gone.');
    await receive(run, ndjson(upload(rows))).finally(() => {
      world.keystore.failure = undefined;
    });
    const outcomes = await outcomesOf(run);
    expect(said(outcomes)).toEqual(['signer-unavailable', 'bad-json', 'signer-unavailable']);
    expect(outcomes.map((o) => o.status)).toEqual(['failed', 'refused', 'failed']);
    expect(await attemptOf(run)).toMatchObject({ state: 'complete', failed: 2, refused: 1 });
    const again = await openLot();
    await receive(again, ndjson(upload(rows)));
    expect(said(await outcomesOf(again))).toEqual(['issued', 'bad-json', 'issued']);
  });

  it('that cannot record outcomes interrupts the lot, and the caller hears of it', async () => {
    const run = await openLot({
      store: { recordOutcomes: () => Promise.reject(new PkiError('storage-full', 'The disk is full.')) },
    });
    expect(await codeOfPromise(receive(run, ndjson(upload([row()]))))).toBe('storage-full');
    expect(run.progress.ended).toBe('interrupted');
    expect(await attemptOf(run)).toMatchObject({ state: 'interrupted', rows: 0 });
  });

  it('that cannot even mark the interruption is told as the first failure', async () => {
    const down = () => Promise.reject(new PkiError('storage-unavailable', 'Gone.'));
    const run = await openLot({
      store: {
        recordOutcomes: () => Promise.reject(new PkiError('storage-full', 'Full.')),
        closeAttempt: down,
      },
    });
    expect(await codeOfPromise(receive(run, ndjson(upload([row()]))))).toBe('storage-full');
    expect(run.progress.ended).toBe('interrupted');
  });

  it('that cannot mark the end has not completed the lot', async () => {
    const run = await openLot({
      store: {
        closeAttempt: (act, id, attempt, state) =>
          state === 'complete'
            ? Promise.reject(new PkiError('storage-full', 'Full.'))
            : world.store.closeAttempt(act, id, attempt, state),
      },
    });
    expect(await codeOfPromise(receive(run, ndjson(upload([row()]))))).toBe('storage-full');
    expect(run.progress.ended).toBe('interrupted');
    expect(await attemptOf(run)).toMatchObject({ state: 'interrupted', rows: 1, issued: 1 });
  });

  it('with a defect interrupts the lot: a defect is no row’s fault', async () => {
    const run = await openLot({
      ca: { ledger: { ...world.store, recordIntents: () => Promise.reject(new TypeError('a defect')) } },
    });
    await expect(receive(run, ndjson(upload([row()])))).rejects.toThrow('a defect');
    expect(await attemptOf(run)).toMatchObject({ state: 'interrupted' });
  });
});

describe('an upload that breaks off', () => {
  it('leaves the lot interrupted, with the outcomes of the chunks that were whole', async () => {
    const run = await openLot();
    const rows = Array.from({ length: 200 }, () => '{');
    const broken = receive(run, ndjson(upload(rows, new Error('ECONNRESET'))));
    await expect(broken).rejects.toThrow('ECONNRESET');
    expect(run.progress.ended).toBe('interrupted');
    const attempt = await attemptOf(run);
    expect(attempt).toMatchObject({ state: 'interrupted' });
    expect(await outcomesOf(run)).toHaveLength(attempt?.rows ?? -1);
  });

  it('and comes again under its id is a further attempt, whose issued rows are replayed', async () => {
    const rows = [row(), row()];
    const { run: first } = await send(rows);
    const opening = {
      id: first.batchId,
      fleetId: fleet.id,
      tokenId: first.context.requester.id,
      profile: null,
      authority: null,
    };
    const { attempt } = await world.store.openBatch(world.act(), world.ca.runId, opening);
    const run = { ...first, attempt, progress: new Progress() };
    await receive(run, ndjson(upload(rows)));
    expect(attempt).toBe(2);
    expect(said(await outcomesOf(run))).toEqual(['replayed', 'replayed']);
    expect((await outcomesOf(run)).map((o) => o.seq)).toEqual([3, 4]);
  });
});

it('a lot never waits for its reader: nobody reads, and it comes to its end', async () => {
  const { run } = await send(Array.from({ length: 600 }, () => '{'));
  expect(await attemptOf(run)).toMatchObject({ state: 'complete', rows: 600 });
});
