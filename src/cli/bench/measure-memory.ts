import { statSync } from 'node:fs';
import { join } from 'node:path';
import { SQLITE_CACHE_MIB } from '../../config/index.ts';
import type { MemoryFinding, Peak } from './findings.ts';
import { startLine } from './line.ts';
import { FEW_ROWS, type Plan } from './plan.ts';
import { peakOfTree } from './process-memory.ts';
import { paceOfLot } from './send-lot.ts';
import type { Workshop } from './workshop.ts';

const OCTETS_A_MIB = 2 ** 20;

/** The cache holds no more than there is: of a small database the whole of it. */
function pageCacheMiB(folder: string): number {
  const { size } = statSync(join(folder, 'db', 'fleetca.sqlite'));
  return Math.min(SQLITE_CACHE_MIB, size / OCTETS_A_MIB);
}

/** The peak of a new service over one lot. null where the system does not tell. */
async function peakOver(workshop: Workshop, name: string, rows: number): Promise<Peak | null> {
  const line = await startLine(workshop, name);
  const { pid, folder, stop } = line.service;
  try {
    await paceOfLot(workshop, line, name, rows);
    const peakMiB = peakOfTree(pid);
    return peakMiB === null ? null : { rows, peakMiB, pageCacheMiB: pageCacheMiB(folder) };
  } finally {
    await stop();
  }
}

/** Peak memory over a lot of a thousand rows and over a large one, each in a new process. */
export async function measureMemory(workshop: Workshop, plan: Plan): Promise<MemoryFinding | null> {
  const few = await peakOver(workshop, 'few', FEW_ROWS);
  const many = few && (await peakOver(workshop, 'many', plan.memoryRows));
  return few && many ? { few, many } : null;
}
