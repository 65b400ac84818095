import { afterEach, expect, test } from 'vitest';
import { assertCaSound } from '../support/assert-ca-sound.ts';
import { engine } from '../support/engine.ts';
import { runKills, seededChance } from './kill-rounds.ts';
import { cleanUp, makeFolder } from './service-process.ts';

afterEach(cleanUp);

const ROWS = engine === 'sqlite' ? 2_000 : 1_500;
const KILLS = 6;
/** On a machine with much to do. */
const TIMEOUT_MS = 300_000;

test(
  'a lot through kill -9 at random moments gives every good row exactly one certificate',
  async () => {
    const seed = Number(process.env.FLEETCA_CRASH_SEED ?? Date.now() % 1_000_000);
    const result = await runKills({
      data: makeFolder(),
      rows: ROWS,
      kills: KILLS,
      chance: seededChance(seed),
      transport: 'https',
    });
    expect(result.complaints, `seed ${seed}`).toEqual([]);
    await assertCaSound(result.database, { stopped: true });
    expect(result.client.held.size).toBe(result.lot.filter(({ good }) => good).length);
    expect(result.client.refused.size).toBe(result.lot.filter(({ good }) => !good).length);
    // Otherwise this tested nothing: kills struck amid answers, and between intents and their certificates.
    expect(result.amid).toBeGreaterThan(0);
    expect(result.facts.states.abandoned).toBeGreaterThan(0);
  },
  TIMEOUT_MS,
);
