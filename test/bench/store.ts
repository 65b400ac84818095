/**
 * What a row costs the store: synthetic rows through a store in this process, the intents of each chunk
 * in one transaction with the completions and outcomes of the one before. Prints processor time a row
 * over windows that begin at 0, 100,000 and 300,000 stored rows (`--at`), for chunks of 128 and 512
 * (`--chunk`). Run with `npx tsx test/bench/store.ts`; `node --cpu-prof` shows where it goes.
 */
import { randomFillSync } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { Act, IntentRow, IntentVerdict } from '../../src/ca/index.ts';
import type { Store } from '../../src/store/index.ts';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { newLine } from '../store/line.ts';
import { NOON } from '../store/sample.ts';

const { values } = parseArgs({
  options: {
    chunk: { type: 'string', default: '128,512' },
    at: { type: 'string', default: '0,100000,300000' },
    window: { type: 'string', default: '20000' },
    ids: { type: 'string', default: 'sequential' },
  },
});
const numbers = (text: string): readonly number[] => text.split(',').map(Number);
const WINDOW = Number(values.window);
const DER_OCTETS = 450;
const act: Act = { at: NOON, actor: { kind: 'token', id: '00112233aabbccdd', role: 'station' } };

/** Random octets, cheap: cut from one large buffer. */
function octetSource(): (length: number) => Uint8Array {
  let pool = Buffer.alloc(0);
  let end = 0;
  return (length) => {
    if (end + length > pool.length) {
      pool = randomFillSync(Buffer.allocUnsafeSlow(1 << 22));
      end = 0;
    }
    end += length;
    return pool.subarray(end - length, end);
  };
}
const octets = octetSource();

interface Lot {
  readonly store: Store;
  readonly fleetId: number;
  readonly issuerId: number;
  readonly profileDigest: Uint8Array;
}

const rowOf = (lot: Lot, n: number): IntentRow => {
  const id =
    values.ids === 'random'
      ? Buffer.from(octets(12)).toString('hex')
      : `device-${String(n).padStart(9, '0')}`;
  return {
    deviceId: id,
    foldedId: id,
    profile: 'device',
    profileDigest: lot.profileDigest,
    issuerId: lot.issuerId,
    serial: octets(16),
    keyDigest: octets(32),
    tbsDigest: octets(32),
    notBefore: NOON,
    notAfter: NOON,
    notAfterAsked: false,
    labels: null,
    labelsAsked: false,
    supersede: null,
    made: null,
    revokeOld: null,
    renews: null,
  };
};

/** Issues rows `from` to `to`, pipelined: one transaction holds a chunk's intents and the end of the last. */
async function issueRows(lot: Lot, from: number, to: number, size: number): Promise<void> {
  const { store, fleetId } = lot;
  const common = { act, runId: store.runId, fleetId, batchId: 'lot' };
  let before: readonly IntentVerdict[] = [];
  for (let n = from; n < to + size; n += size) {
    const rows = n < to ? Array.from({ length: size }, (_, i) => rowOf(lot, n + i)) : [];
    const ids = before.map((v) => (v.verdict === 'recorded' ? v.intentId : 0));
    const issued = ids.map((intentId) => ({ intentId, der: octets(DER_OCTETS), fingerprint: octets(32) }));
    const outcomes = ids.map((intentId, i) => ({
      row: n - size + i + 1,
      deviceId: `device-${i}`,
      status: 'issued' as const,
      intentId,
      problem: null,
      warnings: [],
    }));
    const [verdicts] = await Promise.all([
      store.recordIntents({ ...common, rows }),
      issued.length > 0 && store.recordIssued({ ...common, issued }),
      issued.length > 0 && store.recordOutcomes(act, 'lot', 1, outcomes),
    ]);
    before = verdicts;
  }
}

async function measure(size: number): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'fleetca-bench-'));
  const store = openStoreInProcess({ file: join(folder, 'x.sqlite'), runId: '00000000000000bb', at: NOON });
  const { fleet, root } = await newLine(store);
  const lot = { store, fleetId: fleet.id, issuerId: root.id, profileDigest: Buffer.alloc(32, 1) };
  const opening = { id: 'lot', fleetId: fleet.id, tokenId: 'x', profile: null, authority: null };
  await store.openBatch(act, store.runId, opening);
  let stored = 0;
  const issueTo = async (to: number, chunk: number): Promise<void> => {
    const rows = chunk * Math.max(0, Math.ceil((to - stored) / chunk));
    await issueRows(lot, stored, stored + rows, chunk);
    stored += rows;
  };
  for (const at of numbers(values.at)) {
    await issueTo(at, 2048);
    const [from, began, cpu] = [stored, Date.now(), process.cpuUsage()];
    await issueTo(stored + WINDOW, size);
    const { user, system } = process.cpuUsage(cpu);
    const perRow = (microseconds: number): string => (microseconds / (stored - from)).toFixed(1);
    console.log(
      `chunk ${size} at ${from}: ${perRow(user + system)} µs/row (user ${perRow(user)}, system ${perRow(system)}; clock ${perRow((Date.now() - began) * 1000)})`,
    );
  }
  await store.close(NOON);
  rmSync(folder, { recursive: true, force: true });
}

for (const size of numbers(values.chunk)) await measure(size);
