import { spawnSync } from 'node:child_process';
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const mounted = new Set<string>();
const run = (command: string, args: readonly string[]) => spawnSync(command, args, { encoding: 'utf8' });

/** Undoes every mount that is left. */
export function unmountAll(): void {
  for (const folder of [...mounted].reverse()) run('umount', ['-l', folder]);
  mounted.clear();
}
process.on('exit', unmountAll);

function mount(folder: string, args: readonly string[]): void {
  const { status, stderr } = run('mount', [...args, folder]);
  if (status !== 0) throw new Error(`mount: ${stderr}`);
  mounted.add(folder);
}

/** A small file system in memory over a folder. */
export const mountSmall = (folder: string, mebibytes: number): void =>
  mount(folder, ['-t', 'tmpfs', '-o', `size=${mebibytes}m,mode=700`, 'tmpfs']);

/** The folder over itself, read-only. */
export function mountReadOnly(folder: string): void {
  mount(folder, ['--bind', folder]);
  const { status, stderr } = run('mount', ['-o', 'remount,bind,ro', folder]);
  if (status !== 0) throw new Error(`mount: ${stderr}`);
}

function unmount(folder: string): void {
  run('umount', ['-l', folder]);
  mounted.delete(folder);
}

/** Why this process may not mount; undefined where it may. */
export function whyNoMount(folder: string): string | undefined {
  try {
    mountSmall(folder, 1);
    unmount(folder);
    return undefined;
  } catch (failure) {
    return `mounting is not permitted here: ${(failure as Error).message.trim()}`;
  }
}

/** Takes all the room that is left but some; gives what makes room again. */
export function fill(folder: string, leaveOctets: number): () => void {
  const filler = join(folder, 'filler');
  const spare = join(folder, 'spare');
  writeFileSync(spare, Buffer.alloc(leaveOctets));
  for (let size = 1024 * 1024; size >= 512; ) {
    try {
      writeFileSync(filler, Buffer.alloc(size), { flag: 'a' });
    } catch {
      size = Math.floor(size / 2);
    }
  }
  rmSync(spare);
  return () => rmSync(filler);
}
