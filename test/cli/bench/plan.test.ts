import { describe, expect, it } from 'vitest';
import { PARTS, planBench } from '../../../src/cli/bench/plan.ts';

describe('the plan of the bench', () => {
  it('measures everything five times, at the sizes that the targets name', () => {
    const plan = planBench({});
    expect([...plan.parts]).toEqual([...PARTS]);
    expect(plan).toMatchObject({ runs: 5, grownFrom: 200_000, grownTo: 5_000_000, limitMs: null });
  });

  it('leaves growth out when it is to be quick, and ends within a minute', () => {
    const plan = planBench({ quick: true });
    expect(plan.parts.has('growth')).toBe(false);
    expect(plan.runs).toBe(3);
    expect(plan.limitMs).toBeLessThan(60_000);
  });

  it('keeps the proportion of the two stores', () => {
    expect(planBench({ seed: 50_000 })).toMatchObject({ grownFrom: 2000, grownTo: 50_000, startFrom: 0 });
  });

  it('fills the store of the other parts where growth is not asked for', () => {
    expect(planBench({ seed: 50_000, only: ['bulk'] }).startFrom).toBe(50_000);
  });

  it('asks for no more single requests than rows', () => {
    expect(planBench({ rows: 20 })).toMatchObject({
      bulkRows: 20,
      memoryRows: 20,
      warmUpRows: 20,
      singleRequests: 20,
    });
  });
});
