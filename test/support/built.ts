import { execFileSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

/** Each of vitest's projects has this module for itself; they share a process. */
const shared = globalThis as { isFleetcaBuilt?: boolean };

/** Builds `dist/` once before the flows: the service runs from it, and its threads load from nowhere else. */
export function setup(): void {
  if (shared.isFleetcaBuilt) return;
  const root = fileURLToPath(new URL('../..', import.meta.url));
  execFileSync('node', ['scripts/build.mjs'], { cwd: root, stdio: 'inherit' });
  shared.isFleetcaBuilt = true;
}
