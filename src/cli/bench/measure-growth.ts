import { Agent, request } from 'node:https';
import type { GrownStore, GrowthFinding } from './findings.ts';
import { FLEET, type Line } from './line.ts';
import type { Plan } from './plan.ts';
import { type SeededLine, startSeededLine, whyNoRoom } from './seeded-line.ts';
import { paceOfLot, warmUp } from './send-lot.ts';
import { median } from './statistics.ts';
import type { Workshop } from './workshop.ts';

function get({ service, token }: Line, agent: Agent, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${token}` };
    const sent = request(new URL(path, service.url), { agent, headers }, (answer) => {
      if (answer.statusCode === 200) answer.once('end', resolve).resume();
      else reject(new Error(`${path} was answered ${answer.statusCode}`));
    });
    sent.once('error', reject).end();
  });
}

/** The median of look-ups over REST, one at a time. */
async function lookUpMs(line: Line, paths: readonly string[]): Promise<number> {
  const agent = new Agent({ ca: line.service.ca, keepAlive: true });
  const took: number[] = [];
  try {
    for (const path of paths) {
      const began = performance.now();
      await get(line, agent, path);
      took.push(performance.now() - began);
    }
    return median(took) ?? 0;
  } finally {
    agent.destroy();
  }
}

async function look({ line, sample }: SeededLine, certificates: number): Promise<GrownStore> {
  const { deviceIds, fingerprints } = sample;
  return {
    certificates,
    startMs: line.service.startMs,
    lookUpMs: {
      device: await lookUpMs(
        line,
        deviceIds.map((id) => `/v1/fleets/${FLEET}/devices/${id}`),
      ),
      fingerprint: await lookUpMs(
        line,
        fingerprints.map((id) => `/v1/certificates/${id}`),
      ),
    },
  };
}

/** Rows a second into a small store and into a large one, in turns. Gives a reason where there is no room for it. */
export async function measureGrowth(
  workshop: Workshop,
  plan: Plan,
  say: (line: string) => void,
): Promise<GrowthFinding | string> {
  const { grownFrom, grownTo, runs, bulkRows } = plan;
  const noRoom = await whyNoRoom(workshop, grownFrom + grownTo);
  if (noRoom !== null) return noRoom;
  const small = await startSeededLine(workshop, 'small', grownFrom, say);
  const large = await startSeededLine(workshop, 'large', grownTo, say);
  try {
    const looked = { small: await look(small, grownFrom), large: await look(large, grownTo) };
    for (const { line } of [small, large]) await warmUp(workshop, line, plan);
    const paces: { small: number; large: number }[] = [];
    for (let run = 1; run <= runs; run++) {
      say(`growth: run ${run} of ${runs}`);
      paces.push({
        small: await paceOfLot(workshop, small.line, `small-${run}`, bulkRows),
        large: await paceOfLot(workshop, large.line, `large-${run}`, bulkRows),
      });
    }
    return { ...looked, paces };
  } finally {
    await Promise.all([small, large].map(({ line }) => line.service.stop()));
  }
}
