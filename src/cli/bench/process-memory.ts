import { readdirSync, readFileSync } from 'node:fs';

const KIB_A_MIB = 1024;

/** A file of /proc; undefined where its process has just ended, or where there is no /proc. */
function readProc(path: string): string | undefined {
  try {
    return readFileSync(`/proc/${path}`, 'utf8');
  } catch {
    return undefined;
  }
}

/** The parent of a process: the second field after its name, which may hold anything (proc(5), stat). */
const parentIn = (stat: string): number => Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);

/** A process and all below it. */
function processTree(root: number): readonly number[] {
  const parents = readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map((name) => ({ pid: Number(name), parent: parentIn(readProc(`${name}/stat`) ?? ')') }));
  const below = (pid: number): readonly number[] => [
    pid,
    ...parents.filter(({ parent }) => parent === pid).flatMap((child) => below(child.pid)),
  ];
  return below(root);
}

/**
 * The most that a process and all below it held in memory so far, MiB: the sum of each one's peak of the
 * resident set (VmHWM of proc(5)), so rather too much than too little. null where there is no /proc.
 */
export function peakOfTree(root: number): number | null {
  if (readProc('self/status') === undefined) return null;
  const peaks = processTree(root).map((pid) => {
    const [, kib = '0'] = /VmHWM:\s+(\d+) kB/.exec(readProc(`${pid}/status`) ?? '') ?? [];
    return Number(kib);
  });
  return peaks.reduce((sum, kib) => sum + kib, 0) / KIB_A_MIB;
}
