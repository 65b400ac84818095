import type { Part, Peer } from './plan.ts';

/** Cycles a second on all cores. */
export interface CeilingPace {
  readonly threads: number;
  readonly processes: number;
}

export interface Ceiling {
  readonly before: CeilingPace;
  readonly after: CeilingPace;
  /** One verification and one signature a row, the faster way. */
  readonly verifyAndSign: number;
}

/** How quickly a server answers at a fixed number of connections. */
export interface AnswerPace {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** What was measured one after the other within one run; ratios are taken inside it. */
export interface Run {
  ceiling: Ceiling | null;
  /** Durable rows a second of a lot. */
  bulkPerSecond: number | null;
  single: AnswerPace | null;
  cfssl: AnswerPace | null;
}

export interface Peak {
  readonly rows: number;
  /** All processes of the service. */
  readonly peakMiB: number;
  /** Of it what the database's page cache can hold at most: its configured size, or the whole database. */
  readonly pageCacheMiB: number;
}

export interface MemoryFinding {
  readonly few: Peak;
  readonly many: Peak;
}

/** A store of a certain size. */
export interface GrownStore {
  readonly certificates: number;
  readonly startMs: number;
  readonly lookUpMs: { readonly device: number; readonly fingerprint: number };
}

export interface GrowthFinding {
  readonly small: GrownStore;
  readonly large: GrownStore;
  /** Rows a second into either, interleaved. */
  readonly paces: readonly { readonly small: number; readonly large: number }[];
}

/** Lots whose keys the CA makes, against generation, export, signature and verification. */
export interface KeysFinding {
  readonly perSecond: number;
  readonly ceilingPerSecond: number;
}

/** What has been found so far: parts add to it as they end, so that an early end loses nothing. */
export interface Findings {
  readonly runs: Run[];
  memory: MemoryFinding | null;
  growth: GrowthFinding | null;
  keys: KeysFinding | null;
  opensslPerSecond: number | null;
  /** Why something was not measured, in words for the table. */
  readonly reasons: Map<Part | Peer, string>;
}

export const noFindings = (): Findings => ({
  runs: [],
  memory: null,
  growth: null,
  keys: null,
  opensslPerSecond: null,
  reasons: new Map(),
});
