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

/** A lot whose keys the CA makes, and what its cryptography allows. */
export interface MadeKeysPace {
  readonly perSecond: number;
  /** Generation and export by the library in one call, signature, verification. */
  readonly ceiling: { readonly before: CeilingPace; readonly after: CeilingPace };
  /** The same without the library's encoder, which costs more than the key; the faster way. */
  readonly bare: number;
}

/** How quickly a server answers at a fixed number of connections. */
export interface AnswerPace {
  readonly perSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** The service with the keys of root and issuing authority in a token. */
export interface TokenPace {
  readonly bulkPerSecond: number | null;
  readonly single: AnswerPace | null;
}

/** What was measured one after the other within one run; ratios are taken inside it. */
export interface Run {
  ceiling: Ceiling | null;
  /** Durable rows a second of a lot. */
  bulkPerSecond: number | null;
  single: AnswerPace | null;
  cfssl: AnswerPace | null;
  keys: MadeKeysPace | null;
  softhsm: TokenPace | null;
}

export const newRun = (): Run => ({
  ceiling: null,
  bulkPerSecond: null,
  single: null,
  cfssl: null,
  keys: null,
  softhsm: null,
});

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

/** What has been found so far: parts add to it as they end, so that an early end loses nothing. */
export interface Findings {
  readonly runs: Run[];
  memory: MemoryFinding | null;
  growth: GrowthFinding | null;
  opensslPerSecond: number | null;
  /** Why something was not measured, in words for the table. */
  readonly reasons: Map<Part | Peer, string>;
}

export const noFindings = (): Findings => ({
  runs: [],
  memory: null,
  growth: null,
  opensslPerSecond: null,
  reasons: new Map(),
});
