import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { onTestFinished } from 'vitest';

export function makeFolder(): string {
  return mkdtempSync(join(tmpdir(), 'fleetca-store-'));
}

/** A folder that is gone after the test. */
export function scratchFolder(): string {
  const folder = makeFolder();
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** Where a database may be made; gone after the test. */
export const scratchDatabase = (): string => join(scratchFolder(), 'fleetca.sqlite');

export const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
