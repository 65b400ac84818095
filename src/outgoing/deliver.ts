import type { BatchStore } from '../batch/index.ts';
import { type CaContext, certificateStatus, type Fleet, type StoredCertificate } from '../ca/index.ts';
import type { Logger } from '../log.ts';
import { LANES, type Line } from './call.ts';
import { ARRIVED, nextAttempt, type Outcome, type RetryTerms } from './outcome.ts';
import type {
  Destination,
  FailedDelivery,
  Message,
  OutgoingStore,
  Progress,
  Registry,
  Webhook,
} from './ports.ts';
import { deleteDevice, putDevice } from './registry.ts';
import { tellWebhook } from './webhook.ts';

export interface DeliveryContext {
  readonly ca: Pick<CaContext, 'ledger' | 'clock' | 'random'>;
  readonly store: OutgoingStore;
  readonly batches: BatchStore;
  readonly retry: RetryTerms;
  readonly log: Logger;
}

/** A destination with all that a call to it needs. */
export interface Reached<D extends Destination = Destination> {
  readonly destination: D;
  readonly fleet: Fleet;
  readonly line: Line;
  /** In the clear; null: none. */
  readonly secret: string | null;
}

/** Something to be told. */
export interface Task {
  readonly id: string;
  readonly message: Message;
  /** Tries so far. */
  readonly attempts: number;
  /** `news`: what the destination has already is passed over; `asked`: it is told again. */
  readonly reason: 'news' | 'asked';
}

/** A device has one delivery: what is told is what holds when it is. */
export const deviceTask = (registry: Registry, deviceId: string, reason: Task['reason']): Task => ({
  id: `dev_${registry.id}_${deviceId}`,
  message: { deviceId },
  attempts: 0,
  reason,
});

/** What came of one task. */
interface Result {
  readonly outcome: Outcome;
  readonly registered?: Progress['registered'][number];
  readonly dropped?: string;
}

/** Certificates of a device that are looked at for the one that is in use. */
const MOST_CERTIFICATES = 20;

/** The newest that holds. */
export async function currentCertificate(
  { ca }: Pick<DeliveryContext, 'ca'>,
  fleetId: number,
  deviceId: string,
): Promise<StoredCertificate | undefined> {
  const all = await ca.ledger.listDeviceCertificates(fleetId, deviceId, MOST_CERTIFICATES);
  const now = ca.clock.now();
  return all.find((one) => certificateStatus(one, now) === 'active');
}

async function tellDevice(
  context: DeliveryContext,
  { destination, fleet, line, secret }: Reached<Registry>,
  deviceId: string,
  reason: Task['reason'],
): Promise<Result> {
  const server = { url: destination.url, settings: destination.settings, token: secret };
  const device = await context.ca.ledger.findDevice(fleet.id, deviceId);
  if (device?.state === 'scrapped') {
    const outcome = await deleteDevice(line, server, deviceId);
    return outcome.arrived ? { outcome, dropped: deviceId } : { outcome };
  }
  const current = await currentCertificate(context, fleet.id, deviceId);
  if (!current) return { outcome: ARRIVED };
  const known = await context.store.findDeviceRegistration(destination.id, deviceId);
  if (reason === 'news' && known?.intentId === current.intentId) return { outcome: ARRIVED };
  const outcome = await putDevice(line, server, current);
  return outcome.arrived ? { outcome, registered: { deviceId, intentId: current.intentId } } : { outcome };
}

async function tell(
  context: DeliveryContext,
  reached: Reached,
  { id, message, reason }: Task,
): Promise<Result> {
  const { destination, line, secret } = reached;
  if ('deviceId' in message)
    return tellDevice(context, reached as Reached<Registry>, message.deviceId, reason);
  const at = context.ca.clock.now();
  const { url } = destination as Webhook;
  return { outcome: await tellWebhook(line, { url, secret: secret ?? '' }, { id, body: message.body, at }) };
}

interface Told extends Pick<Progress, 'settled' | 'failed' | 'registered' | 'dropped'> {
  readonly isDown: boolean;
}

/** One task again, later or not at all. */
function again(
  { ca, retry }: DeliveryContext,
  { id, message, attempts: before }: Task,
  { error, again: when, waitMs }: Exclude<Outcome, { arrived: true }>,
): FailedDelivery {
  const attempts = before + 1;
  const nextAttemptAt =
    when === 'never' ? null : nextAttempt(attempts, ca.clock.now(), retry, ca.random, waitMs);
  return { id, message, attempts, nextAttemptAt, lastError: error };
}

const given = <T>(values: readonly (T | undefined)[]): readonly T[] =>
  values.filter((value): value is T & {} => value !== undefined);

/**
 * Tries all of the tasks, some at a time, and says what came of them. Where the destination turns out to be
 * down, those that were not begun count as tried: they would fare the same.
 */
export async function tryAll(
  context: DeliveryContext,
  reached: Reached,
  tasks: readonly Task[],
): Promise<Told> {
  const results: (Result & { readonly task: Task })[] = [];
  const queue = tasks.values();
  let down: Outcome | undefined;
  const lane = async (): Promise<void> => {
    for (const task of queue) {
      const result = down ? { outcome: down } : await tell(context, reached, task);
      if (!result.outcome.arrived && result.outcome.isDown) down = result.outcome;
      results.push({ ...result, task });
    }
  };
  await Promise.all(Array.from({ length: LANES }, lane));
  return {
    settled: results.flatMap(({ task, outcome }) => (outcome.arrived ? [task.id] : [])),
    failed: results.flatMap(({ task, outcome }) => (outcome.arrived ? [] : [again(context, task, outcome)])),
    registered: given(results.map(({ registered }) => registered)),
    dropped: given(results.map(({ dropped }) => dropped)),
    isDown: down !== undefined,
  };
}
