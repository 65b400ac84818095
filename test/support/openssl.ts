import { execFileSync, spawnSync } from 'node:child_process';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryFolder } from './leftovers.ts';

/** A folder in which the `openssl` command works; it goes with `remove`. */
export function opensslFolder() {
  const folder = temporaryFolder('fleetca-openssl-');
  return {
    folder,
    /** Runs it; what it prints. Throws where it fails. */
    run: (...args: readonly string[]): string =>
      execFileSync('openssl', args, { cwd: folder, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
    /** Runs it and tells how it went. */
    attempt: (...args: readonly string[]) => {
      const { status, stdout, stderr } = spawnSync('openssl', args, { cwd: folder, encoding: 'utf8' });
      return { status, printed: stdout + stderr };
    },
    write: (name: string, content: string | Uint8Array): void => writeFileSync(join(folder, name), content),
    read: (name: string): string => readFileSync(join(folder, name), 'utf8'),
    readOctets: (name: string): Buffer => readFileSync(join(folder, name)),
    remove: (): void => rmSync(folder, { recursive: true, force: true }),
  };
}
