import { formatTable } from '../table.ts';
import { CONNECTIONS, FEW_ROWS } from './plan.ts';
import type { BenchReport } from './report.ts';

type Row = readonly [what: string, measured: string, target: string, verdict: string];

const NOT_MEASURED = '-';

const whole = (value: number | null, unit: string): string =>
  value === null ? NOT_MEASURED : `${Math.round(value)} ${unit}`;

const fine = (value: number | null, unit = ''): string =>
  value === null ? NOT_MEASURED : `${value.toFixed(2)} ${unit}`.trimEnd();

const verdictOf = (value: number | null, holds: (value: number) => boolean): string => {
  if (value === null) return '';
  return holds(value) ? 'met' : 'missed';
};

const rate = (what: string, value: number | null): Row => [what, whole(value, '/s'), '', ''];

const share = (what: string, value: number | null, least: number): Row => [
  what,
  fine(value),
  `>= ${least.toFixed(2)}`,
  verdictOf(value, (is) => is >= least),
];

/** Octets that a million rows may add; for a smaller lot it is no proof, but a hint. */
const MOST_GROWTH_MIB = 150;
const GROWTH_ROWS = 1_000_000;

function memoryRows({ memoryRows: rows, memoryPeakMiB, ...report }: BenchReport): readonly Row[] {
  const { memoryGrowthMiB: growth, memoryGrowthWithPageCacheMiB: withCache } = report;
  const at = rows === null ? '' : `, ${rows} rows against ${FEW_ROWS}`;
  return [
    [`peak memory of the service`, whole(memoryPeakMiB, 'MiB'), '', ''],
    [
      `memory growth${at}, without the page cache`,
      whole(growth, 'MiB'),
      `<= ${MOST_GROWTH_MIB} at ${GROWTH_ROWS} rows`,
      verdictOf(growth, (is) => is <= MOST_GROWTH_MIB),
    ],
    ['memory growth with the page cache', whole(withCache, 'MiB'), '', ''],
  ];
}

function growthRows({ growth, bulkAt5MOf200k }: BenchReport): readonly Row[] {
  if (!growth) return [share('bulk at 5,000,000 certificates, of that at 200,000', null, 0.75)];
  const { from, to } = growth;
  const pair = (
    what: string,
    value: { readonly from: number | null; readonly to: number | null },
    unit: string,
  ) =>
    [
      `${what} at ${from} and at ${to} certificates`,
      `${fine(value.from)} and ${fine(value.to, unit)}`,
      '',
      '',
    ] as const;
  return [
    share(`bulk at ${to} certificates, of that at ${from}`, bulkAt5MOf200k ?? growth.ratio, 0.75),
    pair('bulk', growth.perSecond, '/s'),
    pair('start-up', growth.startMs, 'ms'),
    pair('look-up by device', growth.deviceLookUpMs, 'ms'),
    pair('look-up by fingerprint', growth.fingerprintLookUpMs, 'ms'),
  ];
}

function rowsOf(report: BenchReport): readonly Row[] {
  return [
    rate('ceiling: key import, two verifications, one signature', report.ceilingPerSecond),
    rate('  by threads', report.ceilingThreadsPerSecond),
    rate('  by processes', report.ceilingProcessesPerSecond),
    rate('one verification and one signature alone', report.verifyAndSignPerSecond),
    rate(`bulk, lots of ${report.bulkRows} rows`, report.bulkPerSecond),
    share('  of the ceiling', report.bulkOfCeiling, 0.65),
    share('  of cfssl', report.bulkOfCfssl, 1),
    rate(`single requests, ${CONNECTIONS} connections`, report.singlePerSecond),
    ['  p50 and p99', `${fine(report.singleP50Ms)} and ${fine(report.singleP99Ms, 'ms')}`, '', ''],
    share('  of cfssl', report.singleOfCfssl, 0.5),
    rate(`cfssl serve, ${CONNECTIONS} connections`, report.cfsslPerSecond),
    rate('a shell loop over openssl x509', report.opensslPerSecond),
    rate('bulk, keys of the authorities in a token (SoftHSM2)', report.tokenBulkPerSecond),
    ['  of that with keys in files', fine(report.tokenBulkOfFiles), '', ''],
    rate('single requests, keys in that token', report.tokenSinglePerSecond),
    ['  p50 and p99', `${fine(report.tokenSingleP50Ms)} and ${fine(report.tokenSingleP99Ms, 'ms')}`, '', ''],
    ['  of that with keys in files', fine(report.tokenSingleOfFiles), '', ''],
    rate('lots whose keys the CA makes', report.caMadeKeysPerSecond),
    share('  of their ceiling', report.caMadeKeysOfTheirCeiling, 0.5),
    rate('  ceiling: generation, PKCS#8, signature, verification', report.caMadeKeysCeilingPerSecond),
    rate('    by threads', report.caMadeKeysCeilingThreadsPerSecond),
    rate('    by processes', report.caMadeKeysCeilingProcessesPerSecond),
    rate('  ceiling without the encoder of the library', report.caMadeKeysBareCeilingPerSecond),
    ['  of that', fine(report.caMadeKeysOfBareCeiling), '', ''],
    ...growthRows(report),
    ...memoryRows(report),
    [`a lot of ${report.lot}`, fine(report.hoursForLot, 'h'), '', ''],
  ];
}

function notesOf({ notMeasured, isStoreInMemory }: BenchReport): readonly string[] {
  return [
    ...Object.entries(notMeasured).map(([what, why]) => `not measured: ${what}: ${why}`),
    ...(isStoreInMemory
      ? ['the database lay in memory (tmpfs), where a sync costs nothing: set TMPDIR to a folder on a disk']
      : []),
  ];
}

/** The report for a person: date and machine, each figure beside its target, then what is not there and why. */
export function formatReport(report: BenchReport): string {
  const { date, cpu, cores, memoryGiB, system, node, runs } = report;
  const heading = `${date}  ${cpu}, ${cores} cores, ${memoryGiB.toFixed(1)} GiB, ${system}, Node ${node}`;
  const basis = `medians of ${runs} runs, ratios within each run; the client on the same machine`;
  const table = formatTable(['WHAT', 'MEASURED', 'TARGET', ''], rowsOf(report));
  return [heading, basis, '', table, ...notesOf(report)].join('\n');
}
