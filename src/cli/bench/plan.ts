/** What the bench can measure. `keys`: lots whose keys the CA makes. */
export const PARTS = ['ceiling', 'bulk', 'single', 'memory', 'growth', 'keys'] as const;
export type Part = (typeof PARTS)[number];

/** Other programs that are measured beside the service; `softhsm`: the service itself, with its keys in a token. */
export const PEERS = ['cfssl', 'openssl', 'softhsm'] as const;
export type Peer = (typeof PEERS)[number];

/** Options as typed. */
export interface BenchFlags {
  readonly quick?: true;
  readonly rows?: number;
  readonly runs?: number;
  readonly peer?: readonly Peer[];
  readonly seed?: number;
  readonly lot?: number;
  readonly only?: readonly Part[];
}

/** What is going to be measured, and how long of everything. */
export interface Plan {
  readonly parts: ReadonlySet<Part>;
  readonly peers: ReadonlySet<Peer>;
  readonly runs: number;
  /** Rows of a lot whose pace is taken. */
  readonly bulkRows: number;
  /** Rows of the large lot of the memory part. */
  readonly memoryRows: number;
  /** Rows of a lot before the first that counts: a line runs all day, and the first rows meet code that is not compiled. */
  readonly warmUpRows: number;
  /** Requests of a run at `CONNECTIONS` connections. */
  readonly singleRequests: number;
  /** Requests that the shell loop over openssl signs. */
  readonly opensslRequests: number;
  /** How long one window of the ceiling is. */
  readonly ceilingWindowMs: number;
  /** Distinct keys that each core goes round. */
  readonly ceilingKeys: number;
  /** Certificates of the larger store of the growth part. */
  readonly grownTo: number;
  /** Those of the smaller one: as 200,000 is to 5,000,000. */
  readonly grownFrom: number;
  /** Certificates that the store of the other parts is filled to before they begin. */
  readonly startFrom: number;
  /** The lot whose duration is worked out. */
  readonly lot: number;
  /** When to end with what there is, from the start of the process; null: when all is done. */
  readonly limitMs: number | null;
}

export const CONNECTIONS = 16;
/** Rows of the small lot that memory is compared with. */
export const FEW_ROWS = 1000;
/** The sizes that the target for growth names. */
export const GROWTH = { from: 200_000, to: 5_000_000 } as const;

/** Everything ends within a minute, the removal of the temporary folder included. */
const QUICK_LIMIT_MS = 52_000;

const FULL = {
  runs: 5,
  bulkRows: 20_000,
  memoryRows: 100_000,
  warmUpRows: 1000,
  singleRequests: 4000,
  opensslRequests: 60,
  ceilingWindowMs: 1500,
  ceilingKeys: 2000,
  limitMs: null,
} as const;

const QUICK = {
  runs: 3,
  bulkRows: 4000,
  memoryRows: 8000,
  warmUpRows: 400,
  singleRequests: 1200,
  opensslRequests: 25,
  ceilingWindowMs: 400,
  ceilingKeys: 500,
  limitMs: QUICK_LIMIT_MS,
} as const;

/** Beside a lot of a few rows not more of anything else. */
const capped = (most: number, rows: number | undefined): number =>
  rows === undefined ? most : Math.min(most, rows);

/** Fills in what was not typed. */
export function planBench({ quick, rows, runs, peer = [], seed, lot, only }: BenchFlags): Plan {
  const sizes = quick ? QUICK : FULL;
  const wanted = new Set<Part>(only ?? PARTS);
  if (quick) wanted.delete('growth');
  const grownTo = seed ?? GROWTH.to;
  return {
    ...sizes,
    parts: wanted,
    peers: new Set(peer),
    runs: runs ?? sizes.runs,
    bulkRows: rows ?? sizes.bulkRows,
    memoryRows: rows ?? sizes.memoryRows,
    warmUpRows: capped(sizes.warmUpRows, rows),
    singleRequests: capped(sizes.singleRequests, rows),
    opensslRequests: capped(sizes.opensslRequests, rows),
    grownTo,
    grownFrom: Math.max(1, Math.floor((grownTo * GROWTH.from) / GROWTH.to)),
    startFrom: wanted.has('growth') ? 0 : (seed ?? 0),
    lot: lot ?? 1_000_000,
  };
}
