/**
 * Kills the service at random moments in a lot, again and again, with a client that resumes; then lets
 * it end in peace and looks at what the client holds and what the ledger says.
 */
import { statSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { makeFleet } from './calls.ts';
import {
  doubledIn,
  type LedgerFacts,
  ledgerProblems,
  missingFrom,
  readLedgerFacts,
  unexplainedIn,
} from './ledger-facts.ts';
import { type LotRow, makeLot } from './lot.ts';
import { createResumingClient, type ResumingClient } from './resuming-client.ts';
import { beginService, type ServiceOptions, type ServiceProcess, startService } from './service-process.ts';

export interface KillPlan {
  readonly data: string;
  readonly rows: number;
  readonly kills: number;
  /** 0 ≤ x < 1. Seeded, so that a run's choices can be had again (its moments cannot). */
  readonly chance: () => number;
  readonly transport: 'https' | 'http';
  /** Told a line after each kill. */
  readonly report?: (line: string) => void;
}

export interface KillResult {
  readonly lot: readonly LotRow[];
  readonly client: ResumingClient;
  readonly facts: LedgerFacts;
  readonly database: string;
  /** All that must not be, in words. */
  readonly complaints: readonly string[];
  /** Kills that struck while an answer was under way. */
  readonly amid: number;
}

/** Mulberry32: small, and the same everywhere. */
export function seededChance(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

const MOST_MORE_SENDINGS = 20;
/** Of all kills, so many strike while the service starts. */
const IN_START = 0.15;
/** Of all lots sent, so many are the whole lot again, and so many go out twice at one time. */
const WHOLE_AGAIN = 0.2;
const AT_ONCE = 0.2;

/** The rows to send next: all of them, or those from the first on that the client does not hold. */
function rowsFor(plan: KillPlan, lot: readonly LotRow[], client: ResumingClient): readonly LotRow[] {
  if (plan.chance() < WHOLE_AGAIN) return lot;
  const first = lot.findIndex(({ deviceId, good }) => good && !client.held.has(deviceId));
  // Some rows before it are asked again, as a client does that is not sure.
  return first < 0 ? lot : lot.slice(Math.max(0, first - Math.floor(plan.chance() * 50)));
}

const recordOf = (data: string): string => join(data, 'signing-record');

/** A line of the record: a leaf's TBS in hex, in a line of its own. More or less; where it is less we wait longer. */
const OCTETS_A_SIGNATURE = 600;

/** Waits until so many signatures more are about to be made: between intent and certificate. Or until nothing is sent. */
async function untilSigned(data: string, signatures: number, exchange: Promise<unknown>): Promise<void> {
  const { size } = statSync(recordOf(data));
  let over = false;
  void exchange.finally(() => {
    over = true;
  });
  while (!over && statSync(recordOf(data)).size <= size + signatures * OCTETS_A_SIGNATURE) await sleep(1);
}

interface Strike {
  /** At a signature, or some time after an outcome. */
  readonly moment: 'signing' | 'any';
  /** Outcomes that come before those that are new. */
  readonly before: number;
  /** New ones before the kill. */
  readonly fresh: number;
}

/** Sends rows and kills the service after some signatures, or outcomes and some time; true if the answer was cut by it. */
async function killAmid(
  plan: KillPlan,
  service: ServiceProcess,
  client: ResumingClient,
  sending: Parameters<ResumingClient['send']>[1],
  { moment, before, fresh }: Strike,
): Promise<boolean> {
  let strike = (): void => undefined;
  const due = new Promise<void>((resolve) => {
    strike = resolve;
  });
  const after = before + fresh;
  const onOutcome = (outcomes: number): void => {
    if (outcomes === after) strike();
  };
  if (after === 0) strike();
  const exchange = client.send(service, { ...sending, onOutcome });
  const exchanges = [exchange];
  // Another client with the same lot under another id: they race for every slot.
  if (plan.chance() < AT_ONCE)
    exchanges.push(client.send(service, { ...sending, batchId: `${sending.batchId}.twin` }));
  if (moment === 'signing') await untilSigned(service.data, fresh, exchange);
  else await Promise.race([due, exchange]).then(() => sleep(plan.chance() * 200));
  await service.kill();
  return (await Promise.all(exchanges)).some(({ ended }) => ended === 'cut');
}

async function killInStart(plan: KillPlan, options: ServiceOptions): Promise<void> {
  const starting = await beginService(options);
  await sleep(plan.chance() * 1_500);
  await starting.kill();
}

/** Sends the whole lot until each row has an outcome that lasts. */
async function finish(
  service: ServiceProcess,
  client: ResumingClient,
  lot: readonly LotRow[],
  token: string,
) {
  for (let n = 0; n < MOST_MORE_SENDINGS; n++) {
    const { ended, failed } = await client.send(service, { rows: lot, token, batchId: 'lot' });
    if (ended === 'whole' && failed === 0) return;
  }
  throw new Error(`the lot did not end in ${MOST_MORE_SENDINGS} sendings`);
}

/** Runs the plan. Rejects only where the service does not come back. */
export async function runKills(plan: KillPlan): Promise<KillResult> {
  const options: ServiceOptions = {
    data: plan.data,
    transport: plan.transport,
    signingRecord: recordOf(plan.data),
  };
  const lot = makeLot(plan.rows);
  const client = createResumingClient();
  const complaints: string[] = [];
  let service = await startService(options);
  const { database } = service;
  const { station } = await makeFleet(service);
  let amid = 0;

  for (let kill = 1; kill <= plan.kills; kill++) {
    const left = plan.rows - client.held.size;
    const rows = rowsFor(plan, lot, client);
    const fresh = Math.floor((plan.chance() * 2 * left) / (plan.kills - kill + 2));
    const before = Math.max(0, rows.length - left);
    const batchId = plan.chance() < 0.5 ? 'lot' : `lot-${kill}`;
    const sending = { rows, token: station, batchId };
    const strike: Strike = { moment: kill % 2 === 1 ? 'signing' : 'any', before, fresh };
    if (await killAmid(plan, service, client, sending, strike)) amid++;

    // What a client was handed was committed before: the ledger of the dead service says so.
    const facts = await readLedgerFacts(database);
    complaints.push(...missingFrom(facts, client.held).map((id) => `after kill ${kill}: ${id} is lost`));
    if (kill < plan.kills && plan.chance() < IN_START) {
      kill++;
      await killInStart(plan, options);
    }
    plan.report?.(`kill ${kill} of ${plan.kills}: ${client.held.size} held, ${complaints.length} complaints`);
    service = await startService(options);
  }
  await finish(service, client, lot, station);
  if ((await service.stop()) !== 0) complaints.push('the service did not end in peace');

  const facts = await readLedgerFacts(database);
  const good = lot.filter((row) => row.good);
  complaints.push(
    ...client.complaints,
    ...missingFrom(facts, client.held).map((id) => `${id} is not in the ledger as it was handed out`),
    ...doubledIn(facts).map((id) => `${id} has several certificates in the ledger`),
    ...good
      .filter(({ deviceId }) => !client.held.has(deviceId))
      .map(({ deviceId }) => `${deviceId} has none`),
    ...unexplainedIn(facts, recordOf(plan.data)).map((tbs) => `signed without an intent: ${tbs}`),
    ...(await ledgerProblems(database)),
  );
  if (facts.certificates.size !== good.length)
    complaints.push(`${facts.certificates.size} devices of ${good.length} have certificates`);
  if (new Set(facts.serials).size !== facts.serials.length) complaints.push('a serial is there twice');
  if (facts.states.open !== undefined) complaints.push(`${facts.states.open} intents are open after the end`);
  return { lot, client, facts, database, complaints, amid };
}
