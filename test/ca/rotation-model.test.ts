import fc from 'fast-check';
import { expect, test } from 'vitest';
import { commands } from './rotation-model/commands.ts';
import type { Model } from './rotation-model/model.ts';
import { World } from './rotation-model/world.ts';

/** A few walks, always the same; `FLEETCA_MODEL_RUNS` says how many others, from a seed of chance or `FLEETCA_MODEL_SEED`. */
const LONG = process.env.FLEETCA_MODEL_RUNS;
const RUNS = Number(LONG ?? 8);
const SEED = process.env.FLEETCA_MODEL_SEED ?? (LONG === undefined ? '21' : undefined);

async function walk(steps: Iterable<fc.AsyncCommand<Model, World>>): Promise<void> {
  const world = await World.open();
  try {
    const members = await world.members();
    const now = world.clock.now().getTime();
    const wasActive = new Set(['root/1', 'line-7/1']);
    const since = new Map([...wasActive].map((name) => [name, now] as const));
    const used = new Map([
      ['root', 1],
      ['line-7', 1],
    ] as const);
    const model: Model = { now, members, leaves: [], wasActive, since, acknowledged: new Set(), used };
    await fc.asyncModelRun(() => ({ model, real: world }), steps);
    expect(await world.faults()).toEqual([]);
  } finally {
    await world.close();
  }
}

test('whatever is done with a line, and wherever a process ends, the rules of rotation hold', {
  timeout: 30_000 + RUNS * 10_000,
}, async () => {
  const property = fc.asyncProperty(fc.commands(commands, { maxCommands: 60, size: '+1' }), walk);
  await fc.assert(property, {
    numRuns: RUNS,
    ...(SEED === undefined ? {} : { seed: Number(SEED) }),
    // What is found is worth its time to be made small in a long run alone.
    endOnFailure: LONG === undefined,
  });
});
