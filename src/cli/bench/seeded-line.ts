import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { type Line, startLine, startService } from './line.ts';
import { issueTemplate, type SeedSample, seedStore } from './seed-store.ts';
import type { Workshop } from './workshop.ts';

/** What a certificate takes on disk, its indexes, its audit entries and the write-ahead log included; rather too much. */
const OCTETS_A_CERTIFICATE = 2048;
const STEPS = 10;

export interface SeededLine {
  readonly line: Line;
  readonly sample: SeedSample;
}

/** Why so many certificates do not fit where the workshop is; null where they do. */
export async function whyNoRoom({ folder }: Workshop, certificates: number): Promise<string | null> {
  const { bavail, bsize } = await statfs(folder);
  const due = certificates * OCTETS_A_CERTIFICATE;
  if (bavail * bsize >= due) return null;
  return `${Math.ceil(due / 1e9)} GB free are due in ${folder}: set TMPDIR to another folder`;
}

/** Says each tenth of the way. */
function tenths(total: number, say: (line: string) => void): (done: number) => void {
  let said = 0;
  return (done) => {
    const tenth = Math.floor((done / total) * STEPS);
    if (tenth > said) say(`  ${done} of ${total} certificates are in the store`);
    said = tenth;
  };
}

/** A line whose store holds as many certificates before it begins. */
export async function startSeededLine(
  workshop: Workshop,
  name: string,
  certificates: number,
  say: (line: string) => void,
): Promise<SeededLine> {
  const first = await startLine(workshop, name);
  await issueTemplate(first);
  await first.service.stop();
  const folder = join(workshop.folder, name);
  const sample = await seedStore(folder, certificates, tenths(certificates, say));
  return { line: { ...first, service: await startService(workshop, folder) }, sample };
}
