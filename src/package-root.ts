import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

function rootAbove(folder: string): string {
  if (existsSync(join(folder, 'package.json'))) return folder;
  const above = dirname(folder);
  if (above === folder)
    throw new Error('this program is not in its package: there is no package.json above it');
  return rootAbove(above);
}

/**
 * The folder of the program (that of package.json), found from this module's own path: what is built
 * lies elsewhere in it than its source. The working directory has no say.
 */
export const packageRoot: string = rootAbove(dirname(fileURLToPath(import.meta.url)));

/**
 * A module that is an entry of the build, for a thread or a process to run: `store/sqlite-thread.js`.
 * Threads and processes load from `dist/`, and from nowhere else.
 */
export const builtModule = (path: string): URL => pathToFileURL(join(packageRoot, 'dist', path));

/** The version of this program. */
export function readVersion(): string {
  const text = readFileSync(join(packageRoot, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
