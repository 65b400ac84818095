import type { CeilingPace, Findings, GrowthFinding, Peak, Run } from './findings.ts';
import type { Machine } from './machine.ts';
import { GROWTH, type Part, type Peer, type Plan } from './plan.ts';
import { known, median, ratio } from './statistics.ts';

/** The bench's one JSON object. Rates are medians over the runs, ratios medians of what each run gave. null: not measured. */
export interface BenchReport extends Machine {
  /** RFC 3339, UTC. */
  readonly date: string;
  /** Runs that were begun. */
  readonly runs: number;
  readonly bulkRows: number;
  readonly ceilingPerSecond: number | null;
  readonly ceilingThreadsPerSecond: number | null;
  readonly ceilingProcessesPerSecond: number | null;
  readonly verifyAndSignPerSecond: number | null;
  readonly bulkPerSecond: number | null;
  readonly bulkOfCeiling: number | null;
  readonly bulkOfCfssl: number | null;
  readonly singlePerSecond: number | null;
  readonly singleP50Ms: number | null;
  readonly singleP99Ms: number | null;
  readonly singleOfCfssl: number | null;
  readonly cfsslPerSecond: number | null;
  readonly opensslPerSecond: number | null;
  /** With the keys of root and issuing authority in a token of SoftHSM2. */
  readonly tokenBulkPerSecond: number | null;
  readonly tokenBulkOfFiles: number | null;
  readonly tokenSinglePerSecond: number | null;
  readonly tokenSingleP50Ms: number | null;
  readonly tokenSingleP99Ms: number | null;
  readonly tokenSingleOfFiles: number | null;
  readonly caMadeKeysPerSecond: number | null;
  readonly caMadeKeysCeilingPerSecond: number | null;
  readonly caMadeKeysCeilingThreadsPerSecond: number | null;
  readonly caMadeKeysCeilingProcessesPerSecond: number | null;
  readonly caMadeKeysOfTheirCeiling: number | null;
  /** Their ceiling without the library's encoder. */
  readonly caMadeKeysBareCeilingPerSecond: number | null;
  readonly caMadeKeysOfBareCeiling: number | null;
  readonly bulkAt5MOf200k: number | null;
  readonly growth: GrowthReport | null;
  readonly memoryRows: number | null;
  readonly memoryPeakMiB: number | null;
  /** Peak over the large lot less peak over the small one, each less the page cache. */
  readonly memoryGrowthMiB: number | null;
  /** The same with the page cache in it. */
  readonly memoryGrowthWithPageCacheMiB: number | null;
  readonly lot: number;
  readonly hoursForLot: number | null;
  /** Why a part is not there. */
  readonly notMeasured: Readonly<Record<string, string>>;
}

interface GrowthReport {
  readonly from: number;
  readonly to: number;
  readonly ratio: number | null;
  readonly perSecond: { readonly from: number | null; readonly to: number | null };
  readonly startMs: { readonly from: number; readonly to: number };
  readonly deviceLookUpMs: { readonly from: number; readonly to: number };
  readonly fingerprintLookUpMs: { readonly from: number; readonly to: number };
}

interface Around {
  readonly before: CeilingPace;
  readonly after: CeilingPace;
}

const paceBy = ({ before, after }: Around, way: keyof CeilingPace): number => (before[way] + after[way]) / 2;

/** The faster way over both measurements together: the larger of each would call luck a ceiling. */
const fasterWay = (around: Around): number =>
  Math.max(paceBy(around, 'threads'), paceBy(around, 'processes'));

const ceilingOf = ({ ceiling }: Run): number | null => ceiling && fasterWay(ceiling);

/** The median of what the runs gave. */
const over = (runs: readonly Run[], value: (run: Run) => number | null | undefined): number | null =>
  median(known(runs.map((run) => value(run) ?? null)));

function runFigures(runs: readonly Run[]) {
  return {
    ceilingPerSecond: over(runs, ceilingOf),
    ceilingThreadsPerSecond: over(runs, ({ ceiling }) => ceiling && paceBy(ceiling, 'threads')),
    ceilingProcessesPerSecond: over(runs, ({ ceiling }) => ceiling && paceBy(ceiling, 'processes')),
    verifyAndSignPerSecond: over(runs, ({ ceiling }) => ceiling?.verifyAndSign),
    bulkPerSecond: over(runs, ({ bulkPerSecond }) => bulkPerSecond),
    bulkOfCeiling: over(runs, (run) => ratio(run.bulkPerSecond, ceilingOf(run))),
    bulkOfCfssl: over(runs, (run) => ratio(run.bulkPerSecond, run.cfssl?.perSecond ?? null)),
    singlePerSecond: over(runs, ({ single }) => single?.perSecond),
    singleP50Ms: over(runs, ({ single }) => single?.p50Ms),
    singleP99Ms: over(runs, ({ single }) => single?.p99Ms),
    singleOfCfssl: over(runs, (run) => ratio(run.single?.perSecond ?? null, run.cfssl?.perSecond ?? null)),
    cfsslPerSecond: over(runs, ({ cfssl }) => cfssl?.perSecond),
  };
}

function tokenFigures(runs: readonly Run[]) {
  return {
    tokenBulkPerSecond: over(runs, ({ softhsm }) => softhsm?.bulkPerSecond),
    tokenBulkOfFiles: over(runs, (run) => ratio(run.softhsm?.bulkPerSecond ?? null, run.bulkPerSecond)),
    tokenSinglePerSecond: over(runs, ({ softhsm }) => softhsm?.single?.perSecond),
    tokenSingleP50Ms: over(runs, ({ softhsm }) => softhsm?.single?.p50Ms),
    tokenSingleP99Ms: over(runs, ({ softhsm }) => softhsm?.single?.p99Ms),
    tokenSingleOfFiles: over(runs, (run) =>
      ratio(run.softhsm?.single?.perSecond ?? null, run.single?.perSecond ?? null),
    ),
  };
}

function madeKeyFigures(runs: readonly Run[]) {
  return {
    caMadeKeysPerSecond: over(runs, ({ keys }) => keys?.perSecond),
    caMadeKeysCeilingPerSecond: over(runs, ({ keys }) => keys && fasterWay(keys.ceiling)),
    caMadeKeysCeilingThreadsPerSecond: over(runs, ({ keys }) => keys && paceBy(keys.ceiling, 'threads')),
    caMadeKeysCeilingProcessesPerSecond: over(runs, ({ keys }) => keys && paceBy(keys.ceiling, 'processes')),
    caMadeKeysOfTheirCeiling: over(
      runs,
      ({ keys }) => keys && ratio(keys.perSecond, fasterWay(keys.ceiling)),
    ),
    caMadeKeysBareCeilingPerSecond: over(runs, ({ keys }) => keys?.bare),
    caMadeKeysOfBareCeiling: over(runs, ({ keys }) => keys && ratio(keys.perSecond, keys.bare)),
  };
}

function growthReport({ small, large, paces }: GrowthFinding): GrowthReport {
  return {
    from: small.certificates,
    to: large.certificates,
    ratio: median(paces.map((pace) => pace.large / pace.small)),
    perSecond: {
      from: median(paces.map((pace) => pace.small)),
      to: median(paces.map((pace) => pace.large)),
    },
    startMs: { from: small.startMs, to: large.startMs },
    deviceLookUpMs: { from: small.lookUpMs.device, to: large.lookUpMs.device },
    fingerprintLookUpMs: { from: small.lookUpMs.fingerprint, to: large.lookUpMs.fingerprint },
  };
}

const withoutCache = ({ peakMiB, pageCacheMiB }: Peak): number => peakMiB - pageCacheMiB;

function memoryFigures({ memory }: Findings) {
  return {
    memoryRows: memory?.many.rows ?? null,
    memoryPeakMiB: memory?.many.peakMiB ?? null,
    memoryGrowthMiB: memory && withoutCache(memory.many) - withoutCache(memory.few),
    memoryGrowthWithPageCacheMiB: memory && memory.many.peakMiB - memory.few.peakMiB,
  };
}

/** Only the sizes that the target names give its figure. */
const isAtTarget = ({ from, to }: GrowthReport): boolean => from === GROWTH.from && to === GROWTH.to;

const SECONDS_AN_HOUR = 3600;
const hoursFor = (lot: number, perSecond: number | null): number | null =>
  perSecond === null || perSecond === 0 ? null : lot / perSecond / SECONDS_AN_HOUR;

/** What the JSON says, from what was found. */
export function makeReport(findings: Findings, plan: Plan, machine: Machine, now: Date): BenchReport {
  const figures = runFigures(findings.runs);
  const growth = findings.growth && growthReport(findings.growth);
  return {
    date: now.toISOString(),
    ...machine,
    runs: findings.runs.length,
    bulkRows: plan.bulkRows,
    ...figures,
    opensslPerSecond: findings.opensslPerSecond,
    ...tokenFigures(findings.runs),
    ...madeKeyFigures(findings.runs),
    bulkAt5MOf200k: growth && isAtTarget(growth) ? growth.ratio : null,
    growth,
    ...memoryFigures(findings),
    lot: plan.lot,
    hoursForLot: hoursFor(plan.lot, figures.bulkPerSecond),
    notMeasured: Object.fromEntries<string>([...findings.reasons] satisfies [Part | Peer, string][]),
  };
}
