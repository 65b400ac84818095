/**
 * Folders that are to be gone when the run is over. A process of vitest's is ended without hearing of it,
 * so what it would remove at its end stays: the one that started it all removes it.
 */
import { appendFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const LIST = 'FLEETCA_TEST_LEFTOVERS';

/** Before all: makes the list, of which the processes hear by their environment. */
export function setup(): void {
  process.env[LIST] ??= join(mkdtempSync(join(tmpdir(), 'fleetca-leftovers-')), 'list');
}

/** After all. */
export function teardown(): void {
  const list = process.env[LIST];
  if (list === undefined) return;
  const folders = existsSync(list) ? readFileSync(list, 'utf8').split('\n') : [];
  for (const folder of folders.filter(Boolean)) rmSync(folder, { recursive: true, force: true });
  rmSync(dirname(list), { recursive: true, force: true });
}

/** A new folder in the system's for temporary ones, with a name that begins so. */
export function temporaryFolder(prefix: string): string {
  const folder = mkdtempSync(join(tmpdir(), prefix));
  const list = process.env[LIST];
  if (list !== undefined) appendFileSync(list, `${folder}\n`);
  return folder;
}
