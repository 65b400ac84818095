import type { BatchStore, StoredOutcome } from '../batch/index.ts';
import type {
  AuditEntry,
  Fleet,
  Generation,
  GenerationState,
  Ledger,
  StoredCertificate,
} from '../ca/index.ts';
import { certificateFingerprint } from '../x509/index.ts';
import type { EventType, OutgoingStore, Webhook } from './ports.ts';

/** What there is to tell a webhook: the same id and words however often it is told. */
export interface Event {
  readonly id: string;
  readonly eventType: EventType;
  readonly body: string;
}

export interface EventSources {
  readonly ledger: Ledger;
  readonly batches: BatchStore;
  readonly store: OutgoingStore;
}

const hex = (octets: Uint8Array): string => Buffer.from(octets).toString('hex');

/** The audit entries that have something to tell, by what is told. */
const ACTIONS: Readonly<Record<EventType, readonly string[]>> = {
  'certificate.issued': ['certificates-issued'],
  // Of one that is issued with less to live than a webhook wants to know of.
  'certificate.expiring': ['certificates-issued'],
  'request.refused': ['batch-outcomes-recorded'],
  'batch.done': ['batch-attempt-closed'],
  'authority.published': ['generation-issued', 'generation-imported', 'generation-moved'],
  'authority.rotated': ['generation-moved', 'generation-compromised'],
  'authority.compromised': ['generation-compromised'],
  'authority.expiring': ['authority-expiring'],
  'rotation.due': ['rotation-due'],
};

export const actionsOf = ({ settings }: Webhook): readonly string[] => [
  ...new Set(settings.events.flatMap((event) => ACTIONS[event])),
];

interface Telling {
  readonly webhook: Webhook;
  readonly fleet: Fleet;
}

/** `place` tells events of one entry apart. */
function eventOf(
  { webhook, fleet }: Telling,
  eventType: EventType,
  place: string,
  timestamp: string,
  data: Readonly<Record<string, unknown>>,
): Event {
  const body = JSON.stringify({ type: eventType, timestamp, data: { fleet: fleet.name, ...data } });
  return { id: `msg_${webhook.id}_${place}`, eventType, body };
}

const certificateData = (certificate: StoredCertificate) => ({
  deviceId: certificate.deviceId,
  certificate: hex(certificate.fingerprint),
  serial: hex(certificate.serial),
  profile: certificate.profile,
  notBefore: certificate.notBefore.toISOString(),
  notAfter: certificate.notAfter.toISOString(),
  batch: certificate.batchId,
  labels: certificate.labels === null ? {} : JSON.parse(certificate.labels),
});

/** The look-ahead has its id from the certificate: it is told once, whichever way it was found. */
export const expiringEvent = (telling: Telling, certificate: StoredCertificate, at: Date): Event =>
  eventOf(
    telling,
    'certificate.expiring',
    `expiring_${hex(certificate.fingerprint)}`,
    at.toISOString(),
    certificateData(certificate),
  );

async function issuedEvents(
  { store }: EventSources,
  telling: Telling,
  { seq, at, details }: AuditEntry,
): Promise<readonly Event[]> {
  const { settings, expiring } = telling.webhook;
  const seen = expiring.until ?? expiring.through;
  const certificates = await store.listIssued(details.intents as readonly [number, number][]);
  const events: Event[] = [];
  certificates.forEach((certificate, i) => {
    if (settings.events.includes('certificate.issued'))
      events.push(eventOf(telling, 'certificate.issued', `${seq}_${i}`, at, certificateData(certificate)));
    // The look-ahead has gone by its end already, and does not come back.
    if (settings.events.includes('certificate.expiring') && certificate.notAfter <= seen)
      events.push(expiringEvent(telling, certificate, new Date(at)));
  });
  return events;
}

const countOf = (details: AuditEntry['details'], names: readonly string[]): number =>
  names.reduce((sum, name) => sum + Number(details[name]), 0);

const refusedData = (batch: unknown, { row, deviceId, problem }: StoredOutcome) => ({
  batch,
  row,
  deviceId,
  code: problem?.code ?? null,
  message: problem?.message ?? null,
});

async function refusedEvents(
  { batches }: EventSources,
  telling: Telling,
  { seq, at, details }: AuditEntry,
): Promise<readonly Event[]> {
  if (details.refused === 0) return [];
  const rows = countOf(details, ['issued', 'replayed', 'refused', 'failed']);
  const firstSeq = Number(details.firstSeq);
  const outcomes = await batches.listOutcomes(String(details.batch), null, firstSeq - 1, rows);
  return outcomes
    .filter(({ status }) => status === 'refused')
    .map((outcome) =>
      eventOf(telling, 'request.refused', `${seq}_${outcome.seq}`, at, refusedData(details.batch, outcome)),
    );
}

async function doneEvents(
  { batches }: EventSources,
  telling: Telling,
  { seq, at, details }: AuditEntry,
): Promise<readonly Event[]> {
  const batch = await batches.findBatch(String(details.batch));
  const attempt = batch?.attempts.find(({ number }) => number === details.attempt);
  const counts = attempt && {
    rows: attempt.rows,
    issued: attempt.issued,
    replayed: attempt.replayed,
    refused: attempt.refused,
    failed: attempt.failed,
  };
  const data = { batch: details.batch, attempt: details.attempt, state: details.state, ...counts };
  return [eventOf(telling, 'batch.done', String(seq), at, data)];
}

const generationData = (generation: Generation) => ({
  authority: generation.authority,
  kind: generation.kind,
  generation: generation.number,
  certificate: hex(certificateFingerprint(generation.certificate)),
});

/** Of an authority that has just been made; a generation after its first is staged, and known to nobody. */
async function authorityEvents(
  { ledger }: EventSources,
  telling: Telling,
  { seq, at, details }: AuditEntry,
): Promise<readonly Event[]> {
  const generations = await ledger.listGenerations(telling.fleet.id);
  const first = generations.find(({ authority }) => authority === details.authority);
  if (!first || hex(certificateFingerprint(first.certificate)) !== details.certificate) return [];
  return [eventOf(telling, 'authority.published', String(seq), at, generationData(first))];
}

interface Moved {
  readonly generation: number;
  readonly from: GenerationState;
  readonly to: GenerationState;
}

function eventOfMove({ from, to }: Moved): EventType | undefined {
  if (from === 'staged' && to === 'published') return 'authority.published';
  // One that is withdrawn later was told of when it was found.
  if (to === 'compromised') return from === 'compromised' ? undefined : 'authority.compromised';
  return to === 'active' ? 'authority.rotated' : undefined;
}

async function moveEvents(
  { ledger }: EventSources,
  telling: Telling,
  { seq, at, action, details }: AuditEntry,
): Promise<readonly Event[]> {
  const generations = await ledger.listGenerations(telling.fleet.id);
  return (details.changes as readonly Moved[]).flatMap((moved, i) => {
    const event = eventOfMove(moved);
    const generation = generations.find(({ id }) => id === moved.generation);
    const asked = event && telling.webhook.settings.events.includes(event);
    // Of a move one change is told; of a generation that is compromised, what takes its place, too.
    const place = i === 0 || action === 'generation-moved' ? String(seq) : `${seq}_${i}`;
    return asked && generation ? [eventOf(telling, event, place, at, generationData(generation))] : [];
  });
}

/** Of an entry that tells of one generation, with what the entry says of it beside. */
const generationEvents =
  (eventType: EventType, said: readonly string[]): Read =>
  async ({ ledger }, telling, { seq, at, details }) => {
    const generations = await ledger.listGenerations(telling.fleet.id);
    const generation = generations.find(({ id }) => id === details.generation);
    if (!generation) return [];
    const beside = Object.fromEntries(said.map((name) => [name, details[name]]));
    return [eventOf(telling, eventType, String(seq), at, { ...generationData(generation), ...beside })];
  };

type Read = (sources: EventSources, telling: Telling, entry: AuditEntry) => Promise<readonly Event[]>;

const READERS: Readonly<Record<string, Read>> = {
  'certificates-issued': issuedEvents,
  'batch-outcomes-recorded': refusedEvents,
  'batch-attempt-closed': doneEvents,
  'generation-issued': authorityEvents,
  'generation-imported': authorityEvents,
  'generation-moved': moveEvents,
  'generation-compromised': moveEvents,
  'rotation-due': generationEvents('rotation.due', ['urgency', 'latestStart']),
  'authority-expiring': generationEvents('authority.expiring', ['state', 'withinDays', 'notAfter']),
};

/** What an entry has to tell a webhook. */
export const eventsOf: Read = async (sources, telling, entry) =>
  (await READERS[entry.action]?.(sources, telling, entry)) ?? [];
