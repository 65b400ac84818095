import { type DeviceProfile, ISSUER_MARGIN_DAYS } from '../policy/index.ts';
import type { CaContext } from './context.ts';
import { generationCertificate } from './issuer.ts';
import type { Fleet, Generation, GenerationState } from './ledger-records.ts';
import type { RotationTerms } from './rotation.ts';

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** How far the table of months reaches; what ends later is one number. */
export const FORECAST_MONTHS = 24;

/** Generations under which somebody may stand. */
const STANDING: ReadonlySet<GenerationState> = new Set(['staged', 'published', 'active', 'draining']);

/** How late it is for a rotation: `late` once nothing can keep certificates from being cut short. */
export type Urgency = 'ok' | 'soon' | 'late';

export interface Expiries {
  /** `2026-06`, UTC. */
  readonly month: string;
  readonly certificates: number;
}

/** What is to come of an authority's generation. */
export interface GenerationForecast {
  readonly generation: Generation;
  readonly notAfter: Date;
  /** Certificates of devices that it signed, that are valid now. */
  readonly certificates: number;
  /** Of those, how many end in its own last month: all at once, where lifetimes were cut short. */
  readonly atItsEnd: number;
  /** The last day on which its rotation can begin so that no certificate is cut short; null: it is not the one that issues. */
  readonly latestStart: Date | null;
  readonly urgency: Urgency;
  /** What happens, and when, if nobody does anything. */
  readonly ifNobody: readonly { readonly at: Date; readonly what: string }[];
}

export interface Forecast {
  readonly at: Date;
  /** Lifetime of a certificate by the fleet's own profile, days. */
  readonly lifetimeDays: number;
  readonly months: readonly Expiries[];
  /** Those that end after the last of the months. */
  readonly later: number;
  readonly authorities: readonly GenerationForecast[];
}

const startOfMonth = (at: Date, months: number): Date =>
  new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + months, 1));
const before = (at: Date, milliseconds: number): Date => new Date(at.getTime() - milliseconds);

/** What a rotation takes: how long the next generation is published, and how long devices live that were issued before. */
export interface RotationPace extends RotationTerms {
  readonly lifetimeDays: number;
}

/**
 * The last day on which a rotation can begin. A device renews when its certificate goes to its end, so one that was
 * issued on the last day of the old generation may hold on to it for a whole lifetime: the new one must issue a
 * lifetime before the end of the old, and be published before that. Of a root, the issuing authorities below it go over
 * after it, each published in its turn. A registration CA signs no devices: it has to be followed before it stops.
 */
export function latestStart({ kind }: Pick<Generation, 'kind'>, end: Date, pace: RotationPace): Date {
  const { lifetimeDays, publishHours } = pace;
  if (kind === 'registration') return before(end, ISSUER_MARGIN_DAYS * DAY);
  const windows = kind === 'root' ? 2 : 1;
  return before(end, lifetimeDays * DAY + windows * publishHours * HOUR);
}

const SOON_DAYS = 180;

export function urgencyOf(start: Date, now: Date): Urgency {
  if (start <= now) return 'late';
  return start.getTime() - now.getTime() < SOON_DAYS * DAY ? 'soon' : 'ok';
}

const below: Readonly<Record<Generation['kind'], string>> = {
  root: 'No authority is made under it any more, and no device issued by it.',
  issuing: 'It issues no more: every request and every renewal is refused (issuer-near-end).',
  registration: 'No credentials to register with are made any more.',
};

/** What becomes of a generation that is left alone, in order of time. */
function ifNobody(generation: Generation, end: Date, { lifetimeDays }: RotationPace, certificates: number) {
  const { kind, state } = generation;
  const issues = state === 'active';
  const short = {
    at: before(end, lifetimeDays * DAY),
    what: `${kind === 'root' ? 'What is issued under it' : 'What it issues'} is cut short to ${end.toISOString().slice(0, 10)}, and ends on one day.`,
  };
  const stops = { at: before(end, ISSUER_MARGIN_DAYS * DAY), what: below[kind] };
  const dead = {
    at: end,
    what:
      kind === 'registration'
        ? 'Devices that come to register are refused.'
        : `Gateways refuse every device under it that has not gone over${certificates > 0 ? `: up to ${certificates} certificate${certificates === 1 ? '' : 's'}` : ''}. A device that is refused cannot fetch an update.`,
  };
  return [...(issues && kind !== 'registration' ? [short] : []), ...(issues ? [stops] : []), dead];
}

/** What a rotation takes in a fleet. */
export const forecastPace = (ca: CaContext, fleet: Fleet, terms: RotationTerms): RotationPace => ({
  ...terms,
  lifetimeDays: profileOf(ca, fleet).validityDays,
});

/** The profile that a fleet's devices are issued under where nobody names another. */
function profileOf({ policy }: CaContext, { target }: Fleet): DeviceProfile {
  const profile = policy.deviceProfile(target, policy.target(target).defaultProfiles.device);
  if (!profile) throw new Error(`the target ${target} has no device profile`);
  return profile;
}

interface Counted {
  readonly perMonth: readonly number[];
  readonly later: number;
  readonly atItsEnd: number;
}

/** Month by month, so that nothing else waits for long where there are millions. */
async function count(ca: CaContext, { id }: Generation, end: Date, now: Date): Promise<Counted> {
  const perMonth: number[] = [];
  let atItsEnd = 0;
  for (let i = 0; i < FORECAST_MONTHS; i++) {
    const from = i === 0 ? now : startOfMonth(now, i);
    // What it signs ends with it at the latest.
    const until = startOfMonth(now, i + 1);
    const found = from > end ? 0 : await ca.expiries.countExpiring(id, from, until);
    if (from <= end && end < until) atItsEnd = found;
    perMonth.push(found);
  }
  let later = 0;
  for (let i = FORECAST_MONTHS; startOfMonth(now, i) <= end; i++) {
    const found = await ca.expiries.countExpiring(id, startOfMonth(now, i), startOfMonth(now, i + 1));
    if (end < startOfMonth(now, i + 1)) atItsEnd = found;
    later += found;
  }
  return { perMonth, later, atItsEnd };
}

const sum = (numbers: readonly number[]): number => numbers.reduce((all, one) => all + one, 0);

/**
 * What ends when in a fleet: certificates of devices by month, authorities and roots with the last day on which the
 * rotation of each can begin. Nothing changes by it. Devices whose lifetime was asked for, or whose profile is
 * another, may live longer than the fleet's own profile says.
 */
export async function readForecast(
  ca: CaContext,
  fleet: Fleet,
  terms: RotationTerms,
  now: Date,
): Promise<Forecast> {
  const pace = forecastPace(ca, fleet, terms);
  const generations = (await ca.ledger.listGenerations(fleet.id)).filter(({ state }) => STANDING.has(state));
  const perMonth = new Array<number>(FORECAST_MONTHS).fill(0);
  let later = 0;
  const authorities: GenerationForecast[] = [];
  for (const generation of generations) {
    const { notAfter } = generationCertificate(generation);
    const counted = await count(ca, generation, notAfter, now);
    counted.perMonth.forEach((found, i) => {
      perMonth[i] = (perMonth[i] ?? 0) + found;
    });
    later += counted.later;
    const certificates = sum(counted.perMonth) + counted.later;
    const start = generation.state === 'active' ? latestStart(generation, notAfter, pace) : null;
    authorities.push({
      generation,
      notAfter,
      certificates,
      atItsEnd: counted.atItsEnd,
      latestStart: start,
      urgency: start === null ? 'ok' : urgencyOf(start, now),
      ifNobody: ifNobody(generation, notAfter, pace, certificates).filter(({ at }) => at > now),
    });
  }
  const months = perMonth.map((certificates, i) => ({
    month: startOfMonth(now, i).toISOString().slice(0, 7),
    certificates,
  }));
  return { at: now, lifetimeDays: pace.lifetimeDays, months, later, authorities };
}
