import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client';
import { PkiError } from '../errors.ts';
import { certificateFingerprint, parseCertificate } from '../x509/index.ts';
import type { CountOutcome } from './count-outcomes.ts';
import { countSoonExpiring, type Expiring } from './expiring.ts';
import { type FigureSources, type Figures, readFigures } from './figures.ts';
import { remember } from './remember.ts';

/** How old figures of the ledger may be that are read anew for whoever asks. */
const FIGURES_EVERY_MS = 30_000;
/** The same of counts over certificates: what ends in days need not be known by the minute. */
const EXPIRING_EVERY_MS = 5 * 60_000;

/** What is told beside the ledger. */
export interface MetricsSources extends FigureSources {
  readonly version: string;
  /** When the certificate ends that the service presents. */
  readonly presentedUntil: () => Date;
  /** The CAs, DER, by which clients know the service. */
  readonly serverAuthorities: () => readonly Uint8Array[];
  /** Why keys in the token cannot sign now; null: there is no token. */
  readonly token: { problem(): PkiError | null } | null;
}

/** A page for a monitor. */
export interface MetricsPage {
  readonly contentType: string;
  readonly text: string;
}

export interface Metrics {
  readonly countOutcome: CountOutcome;
  /** All of it, as Prometheus reads it. Where the ledger cannot be read, without what is read there. */
  readonly expose: () => Promise<MetricsPage>;
}

const secondsOf = (at: Date): number => at.getTime() / 1000;

const GENERATION = ['fleet', 'authority', 'kind', 'generation'] as const;

/** The gauges whose series come and go with what is on record. */
function makeGauges(registry: Registry) {
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[]): Gauge<L> =>
    new Gauge({ name: `fleetca_${name}`, help, labelNames, registers: [registry] });
  return {
    notAfter: gauge('authority_not_after_timestamp_seconds', 'When the certificate of a generation ends.', [
      ...GENERATION,
      'state',
    ]),
    latestStart: gauge(
      'rotation_latest_start_timestamp_seconds',
      'The last moment at which the rotation of a generation that issues can begin so that no certificate is cut short.',
      GENERATION,
    ),
    due: gauge(
      'rotation_due',
      '1 where a rotation has to begin (soon: within 180 days; late: that day has passed) and the next generation is not on its way.',
      [...GENERATION, 'urgency'],
    ),
    nextUpdate: gauge(
      'crl_next_update_timestamp_seconds',
      'When the published CRL of a generation runs out.',
      GENERATION,
    ),
    entries: gauge('crl_entries', 'Entries of the published CRL of a generation.', GENERATION),
    expiring: gauge(
      'certificates_expiring',
      'Certificates of devices that end within so many days from now, without those that are revoked.',
      ['fleet', 'within_days'],
    ),
    deliveries: gauge(
      'deliveries',
      'What has not arrived at a webhook or registry: pending is tried again, dead was given up. Counted up to 10000.',
      ['fleet', 'kind', 'name', 'state'],
    ),
    receiving: gauge('batches_receiving', 'Lots that are coming in.', []),
    unsettled: gauge(
      'restoration_unsettled',
      '1 where the ledger was put back, and nothing is signed until that is settled.',
      [],
    ),
    ledger: gauge('ledger_up', '1 where the ledger could be read.', []),
    token: gauge('token_up', '1 where keys in the token can sign. Absent without a token.', []),
    presented: gauge(
      'service_certificate_not_after_timestamp_seconds',
      'When the certificate ends that the service presents.',
      [],
    ),
    serverCa: gauge(
      'service_ca_not_after_timestamp_seconds',
      'When a CA ends by which clients know the service; the fingerprint is the SHA-256 of its certificate.',
      ['fingerprint'],
    ),
    build: gauge('build_info', 'The version of the program.', ['version']),
  };
}

type Gauges = ReturnType<typeof makeGauges>;

function setFigures(gauges: Gauges, { generations, deliveries, receiving, isUnsettled }: Figures): void {
  for (const { fleet, generation, notAfter, latestStart, urgency, list } of generations) {
    const { authority, kind, number, state } = generation;
    const labels = { fleet, authority, kind, generation: String(number) };
    gauges.notAfter.set({ ...labels, state }, secondsOf(notAfter));
    if (list) {
      gauges.nextUpdate.set(labels, secondsOf(list.nextUpdate));
      gauges.entries.set(labels, list.entries);
    }
    if (!latestStart) continue;
    gauges.latestStart.set(labels, secondsOf(latestStart));
    for (const one of ['soon', 'late']) gauges.due.set({ ...labels, urgency: one }, urgency === one ? 1 : 0);
  }
  for (const { count, ...labels } of deliveries) gauges.deliveries.set(labels, count);
  gauges.receiving.set(receiving);
  gauges.unsettled.set(isUnsettled ? 1 : 0);
}

function setExpiring({ expiring }: Gauges, counted: readonly Expiring[]): void {
  for (const { fleet, withinDays, certificates } of counted)
    expiring.set({ fleet, within_days: String(withinDays) }, certificates);
}

function setService(gauges: Gauges, sources: MetricsSources): void {
  const { version, presentedUntil, serverAuthorities, token } = sources;
  gauges.build.set({ version }, 1);
  gauges.presented.set(secondsOf(presentedUntil()));
  for (const der of serverAuthorities()) {
    const fingerprint = Buffer.from(certificateFingerprint(der)).toString('hex');
    gauges.serverCa.set({ fingerprint }, secondsOf(parseCertificate(der).notAfter));
  }
  if (token) gauges.token.set(token.problem() === null ? 1 : 0);
}

/** Makes the metrics of the service. One a process: those of the process itself are among them. */
export function createMetrics(sources: MetricsSources): Metrics {
  const { ca } = sources;
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const gauges = makeGauges(registry);
  const requests = new Counter({
    name: 'fleetca_requests_total',
    help: 'Requests that went through the cycle since the start, on their own or as rows of lots, by what became of them.',
    labelNames: ['way', 'outcome'],
    registers: [registry],
  });
  for (const way of ['single', 'lot'])
    for (const outcome of ['issued', 'replayed', 'refused', 'failed']) requests.inc({ way, outcome }, 0);
  const figures = remember(ca.clock, FIGURES_EVERY_MS, (now) => readFigures(sources, now));
  const expiring = remember(ca.clock, EXPIRING_EVERY_MS, (now) => countSoonExpiring(ca, now));

  /** Null where the ledger cannot be read: a monitor has to hear that, and all the rest. */
  const read = async () => {
    try {
      return { figures: await figures(), expiring: await expiring() };
    } catch (failure) {
      if (failure instanceof PkiError) return null;
      throw failure;
    }
  };

  return {
    countOutcome: (way, outcome, count) => requests.inc({ way, outcome }, count),
    expose: async () => {
      const found = await read();
      for (const gauge of Object.values(gauges)) {
        gauge.reset();
        // Without labels it begins anew at 0, which says what nobody has seen.
        gauge.remove({});
      }
      setService(gauges, sources);
      gauges.ledger.set(found ? 1 : 0);
      if (found) {
        setFigures(gauges, found.figures);
        setExpiring(gauges, found.expiring);
      }
      return { contentType: registry.contentType, text: await registry.metrics() };
    },
  };
}
