import { describe, expect, it } from 'vitest';
import { formatReport } from '../../../src/cli/bench/bench-table.ts';
import { type Findings, newRun, noFindings, type Run } from '../../../src/cli/bench/findings.ts';
import { planBench } from '../../../src/cli/bench/plan.ts';
import { makeReport } from '../../../src/cli/bench/report.ts';

const MACHINE = {
  node: 'v20.0.0',
  cpu: 'A processor',
  cores: 2,
  memoryGiB: 8,
  system: 'linux x64',
  isStoreInMemory: false,
};
const NOW = new Date('2026-06-01T12:00:00Z');

/** By processes half of what threads make. */
const run = (ceiling: number, bulk: number, single: number, cfssl: number): Run => ({
  ...newRun(),
  ceiling: {
    before: { threads: ceiling - 100, processes: ceiling / 2 },
    after: { threads: ceiling + 100, processes: ceiling / 2 },
    verifyAndSign: 3 * ceiling,
  },
  bulkPerSecond: bulk,
  single: { perSecond: single, p50Ms: 5, p99Ms: 20 },
  cfssl: { perSecond: cfssl, p50Ms: 4, p99Ms: 10 },
});

/** A run of nothing but keys. */
const keysRun = (ceiling: number, perSecond: number): Run => ({
  ...newRun(),
  keys: {
    perSecond,
    ceiling: {
      before: { threads: ceiling / 2, processes: ceiling - 100 },
      after: { threads: ceiling / 2, processes: ceiling + 100 },
    },
    bare: 2 * ceiling,
  },
});

const store = (certificates: number) => ({
  certificates,
  startMs: 100,
  lookUpMs: { device: 1, fingerprint: 1 },
});

const found = (wish: Partial<Findings>): Findings => ({ ...noFindings(), ...wish });
const report = (findings: Findings, flags = {}) => makeReport(findings, planBench(flags), MACHINE, NOW);

/** What the issue wants to find in the JSON. */
const DUE = [
  'ceilingPerSecond',
  'bulkPerSecond',
  'bulkOfCeiling',
  'bulkOfCfssl',
  'singleOfCfssl',
  'singlePerSecond',
  'singleP50Ms',
  'singleP99Ms',
  'caMadeKeysPerSecond',
  'caMadeKeysCeilingPerSecond',
  'caMadeKeysOfTheirCeiling',
  'bulkAt5MOf200k',
  'memoryGrowthMiB',
  'verifyAndSignPerSecond',
  'hoursForLot',
];

describe('the report of the bench', () => {
  it('has every figure, null where nothing was measured', () => {
    const empty: Record<string, unknown> = { ...report(noFindings()) };
    for (const name of DUE) expect(empty[name], name).toBeNull();
    expect(empty).toMatchObject({ node: 'v20.0.0', date: '2026-06-01T12:00:00.000Z', runs: 0 });
  });

  it('takes the faster way as the ceiling, and the mean of before and after', () => {
    const { ceilingPerSecond, ceilingThreadsPerSecond, ceilingProcessesPerSecond } = report(
      found({ runs: [run(4000, 2800, 800, 1600)] }),
    );
    expect({ ceilingPerSecond, ceilingThreadsPerSecond, ceilingProcessesPerSecond }).toEqual({
      ceilingPerSecond: 4000,
      ceilingThreadsPerSecond: 4000,
      ceilingProcessesPerSecond: 2000,
    });
  });

  it('takes ratios within each run, then their median', () => {
    // The machine was half as fast in the second run: the ratio does not move.
    const runs = [run(4000, 2800, 800, 1600), run(2000, 1400, 400, 800), run(4000, 400, 100, 1600)];
    const { bulkOfCeiling, singleOfCfssl, bulkPerSecond } = report(found({ runs }));
    expect(bulkOfCeiling).toBeCloseTo(0.7);
    expect(singleOfCfssl).toBeCloseTo(0.5);
    expect(bulkPerSecond).toBe(1400);
  });

  it('holds lots whose keys the CA makes against a ceiling of their own, within each run', () => {
    const runs = [keysRun(4000, 2400), keysRun(2000, 1200), keysRun(4000, 400)];
    const figures = report(found({ runs }));
    expect(figures).toMatchObject({
      caMadeKeysPerSecond: 1200,
      caMadeKeysCeilingPerSecond: 4000,
      caMadeKeysCeilingThreadsPerSecond: 2000,
      caMadeKeysCeilingProcessesPerSecond: 4000,
      caMadeKeysBareCeilingPerSecond: 8000,
      ceilingPerSecond: null,
    });
    expect(figures.caMadeKeysOfTheirCeiling).toBeCloseTo(0.6);
    expect(figures.caMadeKeysOfBareCeiling).toBeCloseTo(0.3);
  });

  it('holds a token against files within each run', () => {
    const withToken = (bulk: number, inToken: number): Run => ({
      ...run(4000, bulk, 800, 1600),
      softhsm: { bulkPerSecond: inToken, single: { perSecond: 400, p50Ms: 9, p99Ms: 30 } },
    });
    const runs = [withToken(2000, 1500), withToken(1000, 750), withToken(2000, 100)];
    expect(report(found({ runs }))).toMatchObject({
      tokenBulkPerSecond: 750,
      tokenBulkOfFiles: 0.75,
      tokenSingleOfFiles: 0.5,
      tokenSingleP99Ms: 30,
    });
    expect(report(found({ runs: [run(4000, 2000, 1, 1)] })).tokenBulkOfFiles).toBeNull();
  });

  it('works out how long a lot takes', () => {
    const { hoursForLot } = report(found({ runs: [run(4000, 1000, 1, 1)] }), { lot: 7_200_000 });
    expect(hoursForLot).toBeCloseTo(2);
  });

  it('names growth after 5 million only where it was 5 million', () => {
    const paces = [{ small: 1000, large: 800 }];
    const full = found({ growth: { small: store(200_000), large: store(5_000_000), paces } });
    expect(report(full).bulkAt5MOf200k).toBeCloseTo(0.8);
    const less = report(found({ growth: { small: store(2000), large: store(50_000), paces } }));
    expect(less.bulkAt5MOf200k).toBeNull();
    expect(less.growth?.ratio).toBeCloseTo(0.8);
  });

  it('takes the page cache out of the memory', () => {
    const few = { rows: 1000, peakMiB: 200, pageCacheMiB: 2 };
    const many = { rows: 1_000_000, peakMiB: 500, pageCacheMiB: 256 };
    expect(report(found({ memory: { few, many } }))).toMatchObject({
      memoryGrowthMiB: 46,
      memoryGrowthWithPageCacheMiB: 300,
      memoryPeakMiB: 500,
    });
  });
});

describe('the table of the bench', () => {
  it('shows date and machine, and each ratio beside its target', () => {
    const lines = formatReport(report(found({ runs: [run(4000, 2800, 100, 1600)] }))).split('\n');
    expect(lines[0]).toMatch(/^2026-06-01.*A processor, 2 cores, 8\.0 GiB.*v20\.0\.0$/);
    expect(lines).toContainEqual(expect.stringMatching(/of the ceiling +0\.70 +>= 0\.65 +met$/));
    const keys = formatReport(report(found({ runs: [keysRun(4000, 2400)] })));
    expect(keys).toMatch(/of their ceiling +0\.60 +>= 0\.50 +met$/m);
    expect(lines).toContainEqual(expect.stringMatching(/of cfssl +0\.06 +>= 0\.50 +missed$/));
  });

  it('says why something is not there, and that memory is no disk', () => {
    const findings = noFindings();
    findings.reasons.set('keys', 'not asked for: --only');
    const text = formatReport(
      makeReport(findings, planBench({}), { ...MACHINE, isStoreInMemory: true }, NOW),
    );
    expect(text).toContain('not measured: keys: not asked for: --only');
    expect(text).toContain('set TMPDIR');
  });
});
