import { statfs } from 'node:fs/promises';
import { availableParallelism, cpus, totalmem } from 'node:os';

/** Where the figures were taken. */
export interface Machine {
  readonly node: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  /** True where the temporary folder lies in memory: its syncs cost nothing, which no disk offers. */
  readonly isStoreInMemory: boolean;
}

const OCTETS_A_GIB = 2 ** 30;
/** TMPFS_MAGIC and RAMFS_MAGIC of statfs(2). */
const IN_MEMORY: ReadonlySet<number> = new Set([0x01021994, 0x858458f6]);

/** Looks at the machine, and at the file system of a folder. */
export async function describeMachine(folder: string): Promise<Machine> {
  const { type } = await statfs(folder);
  return {
    node: process.version,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    cores: availableParallelism(),
    memoryGiB: totalmem() / OCTETS_A_GIB,
    system: `${process.platform} ${process.arch}`,
    isStoreInMemory: IN_MEMORY.has(type),
  };
}
