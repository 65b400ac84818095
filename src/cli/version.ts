import { readFileSync } from 'node:fs';

/** The version of this program. `src/cli` and `dist/cli` lie equally deep. */
export function readVersion(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
