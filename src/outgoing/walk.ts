import { PkiError } from '../errors.ts';
import {
  currentCertificate,
  type DeliveryContext,
  deviceTask,
  type Reached,
  type Task,
  tryAll,
} from './deliver.ts';
import { actionsOf, type Event, eventsOf, expiringEvent } from './events.ts';
import type { Destination, Progress, Registry, Webhook } from './ports.ts';

/** Tasks that go into one transaction, about: what a kill makes us tell twice. */
const TOGETHER = 256;
/** Where so many are pending, nothing new is begun: it waits in the log, which keeps it anyway. */
const MOST_PENDING = 1_000;
/** Entries of others that are passed over before that is written down. */
const STRIDE = 1_000;
const DAY_MS = 86_400_000;

/** What is to be told now, and how far that brings the destination. */
interface Step extends Pick<Progress, 'cursor' | 'order' | 'expiring'> {
  readonly tasks: readonly Task[];
}

const isRegistry = (reached: Reached): reached is Reached<Registry> =>
  reached.destination.kind === 'registry';
const isWebhook = (reached: Reached): reached is Reached<Webhook> => reached.destination.kind === 'webhook';

const eventTask = ({ id, eventType, body }: Event): Task => ({
  id,
  message: { eventType, body },
  attempts: 0,
  reason: 'news',
});

/** A device that is taken back has no certificate that holds, and is told of when it gets one. */
const REGISTRY_ACTIONS = ['certificates-issued', 'device-scrapped'];

type Entries = Awaited<ReturnType<DeliveryContext['store']['listEntriesOf']>>['entries'];

async function tasksOfEntry(
  context: DeliveryContext,
  reached: Reached,
  entry: Entries[number],
): Promise<readonly Task[]> {
  const { store, batches, ca } = context;
  if (isRegistry(reached)) {
    if (entry.action === 'device-scrapped')
      return [deviceTask(reached.destination, String(entry.details.deviceId), 'news')];
    const issued = await store.listIssued(entry.details.intents as readonly [number, number][]);
    return issued.map(({ deviceId }) => deviceTask(reached.destination, deviceId, 'news'));
  }
  if (!isWebhook(reached)) return [];
  const telling = { webhook: reached.destination, fleet: reached.fleet };
  return (await eventsOf({ ledger: ca.ledger, batches, store }, telling, entry)).map(eventTask);
}

/** One task of each id: a device that is named twice is told once. */
const onceEach = (tasks: readonly Task[]): readonly Task[] => [
  ...new Map(tasks.map((task) => [task.id, task])).values(),
];

/** What has happened since. */
async function readNews(context: DeliveryContext, reached: Reached): Promise<Step | undefined> {
  const { cursor: from, fleetId } = reached.destination;
  const actions = isWebhook(reached) ? actionsOf(reached.destination) : REGISTRY_ACTIONS;
  const page = await context.store.listEntriesOf(fleetId, actions, from);
  const tasks: Task[] = [];
  let to = page.through;
  for (const entry of page.entries) {
    tasks.push(...(await tasksOfEntry(context, reached, entry)));
    if (tasks.length < TOGETHER) continue;
    to = entry.seq;
    break;
  }
  if (page.entries.length === 0 && to - from < STRIDE) return undefined;
  return { tasks: onceEach(tasks), cursor: { from, to } };
}

/** The next devices of a lot that a person wants registered. */
async function readOrder(
  { batches }: DeliveryContext,
  { destination }: Reached<Registry>,
  { batchId, after }: { readonly batchId: string; readonly after: number },
): Promise<Step> {
  const outcomes = await batches.listOutcomes(batchId, null, after, TOGETHER);
  const tasks = outcomes.flatMap(({ intentId, deviceId }) =>
    intentId === null || deviceId === null ? [] : [deviceTask(destination, deviceId, 'asked')],
  );
  const through = outcomes.at(-1)?.seq ?? after;
  return { tasks: onceEach(tasks), order: { batchId, after: through, isDone: outcomes.length < TOGETHER } };
}

/** The next of the certificates that come to their end within the time that the webhook wants to know of. */
async function lookAhead(context: DeliveryContext, reached: Reached<Webhook>): Promise<Step | undefined> {
  const { destination: webhook, fleet } = reached;
  if (!webhook.settings.events.includes('certificate.expiring')) return undefined;
  const { through, place, until: begun } = webhook.expiring;
  const now = context.ca.clock.now();
  const horizon = new Date(now.getTime() + webhook.settings.expiringDays * DAY_MS);
  // Once a day, and the first time at once.
  if (begun === null && horizon.getTime() - through.getTime() < DAY_MS) return undefined;
  const until = begun ?? horizon;
  const search = {
    fleetId: fleet.id,
    deviceId: null,
    serial: null,
    keyDigest: null,
    batchId: null,
    tokenId: null,
    label: null,
    status: 'active',
    expiringBefore: new Date(until.getTime() + 1),
    at: through,
  } as const;
  const { certificates, next } = await context.ca.ledger.searchCertificates(search, place, TOGETHER);
  const tasks: Task[] = [];
  for (const certificate of certificates) {
    const current = await currentCertificate(context, fleet.id, certificate.deviceId);
    // Where there is a newer one, nobody has to see to this one.
    if (current === undefined || current.intentId <= certificate.intentId)
      tasks.push(eventTask(expiringEvent({ webhook, fleet }, certificate, now)));
  }
  const expiring =
    next === null ? { through: until, until: null, place: 0 } : { through, until, place: next };
  return { tasks, expiring };
}

async function readStep(context: DeliveryContext, reached: Reached): Promise<Step | undefined> {
  const { store, ca } = context;
  const { id } = reached.destination;
  const backlog = await store.readBacklog(id, ca.clock.now(), TOGETHER, MOST_PENDING);
  if (backlog.due.length > 0)
    return {
      tasks: backlog.due.map(({ id, message, attempts }) => ({ id, message, attempts, reason: 'asked' })),
    };
  if (backlog.pending >= MOST_PENDING) return undefined;
  const news = await readNews(context, reached);
  if (news) return news;
  const [order] = backlog.orders;
  if (order && isRegistry(reached)) return readOrder(context, reached, order);
  return isWebhook(reached) ? lookAhead(context, reached) : undefined;
}

function report({ log }: DeliveryContext, { destination, fleet }: Reached, failed: Progress['failed']): void {
  const [first] = failed;
  if (!first) return;
  const dead = failed.filter(({ nextAttemptAt }) => nextAttemptAt === null).length;
  const { kind, name } = destination;
  const facts = { fleet: fleet.name, destination: `${kind} ${name}`, failed: failed.length, dead };
  log.warn({ ...facts, reason: first.lastError }, 'deliveries failed');
}

/** `down`: it was of no use, and would not be for a while. */
export type StepOutcome = 'idle' | 'went-on' | 'down';

/**
 * Takes a destination one step on: tells what is due again, else what is new. What came of it is on disk when
 * this resolves; where it is cut off before, the same is told again.
 */
export async function takeStep(context: DeliveryContext, reached: Reached): Promise<StepOutcome> {
  const step = await readStep(context, reached);
  if (!step) return 'idle';
  const { tasks, ...moves } = step;
  const { isDown, ...told } = await tryAll(context, reached, tasks);
  // What was broken off says nothing about the destination.
  if (reached.line.isEnded()) return 'idle';
  report(context, reached, told.failed);
  await context.store.recordProgress(reached.destination.id, {
    at: context.ca.clock.now(),
    ...told,
    ...moves,
  });
  return isDown ? 'down' : 'went-on';
}

/** The destination as it is now; undefined where it was ended, or another has taken its place. */
export async function readAgain(
  { store }: DeliveryContext,
  { id, fleetId, kind, name }: Destination,
): Promise<Destination | undefined> {
  const now = await store.findDestination(fleetId, kind, name);
  return now?.id === id ? now : undefined;
}

/** True of what another replica, or a person, has come before us with. */
export const isOvertaken = (failure: unknown): boolean =>
  failure instanceof PkiError && failure.code === 'busy';
