import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, test } from 'vitest';
import { isLeftOut } from '../support/counterpart.ts';
import { makeFleet, requestOne } from './calls.ts';
import { makeLot } from './lot.ts';
import { cleanUp, makeFolder, startService } from './service-process.ts';

afterEach(cleanUp);

/** Files and folders of a service, with their modes. */
function modesIn(folder: string): readonly [string, string][] {
  return readdirSync(folder, { withFileTypes: true, recursive: true }).map((entry) => {
    const path = join(entry.parentPath, entry.name);
    return [path, (statSync(path).mode & 0o777).toString(8)];
  });
}

test.skipIf(isLeftOut('strace'))('under umask 000 nothing is open to others, at any moment', async () => {
  const data = makeFolder();
  const trace = join(makeFolder(), 'trace');
  const calls = 'trace=open,openat,creat,mkdir,mkdirat';
  const service = await startService({
    data,
    transport: 'http',
    under: [
      'sh',
      '-c',
      'umask 000; exec "$@"',
      'sh',
      'strace',
      '-f',
      '-o',
      trace,
      '-e',
      calls,
      '-e',
      'signal=none',
    ],
  });
  const { station } = await makeFleet(service);
  const [first] = makeLot(1);
  await requestOne(service, station, first!.csr);
  const modes = modesIn(data);
  await service.stop();

  expect(modes.filter(([, mode]) => mode !== '600' && mode !== '700')).toEqual([]);
  expect(modes.map(([path]) => path)).toEqual(expect.arrayContaining([`${service.database}-wal`]));
  // What it was made with counts, not what it was changed to a moment later.
  const made = new Map<string, number>();
  for (const line of readFileSync(trace, 'latin1').split('\n')) {
    const [, path = '', mode = ''] = /O_CREAT|mkdir/.test(line)
      ? (/"([^"]+)".*, (0[0-7]+)\)/.exec(line) ?? [])
      : [];
    if (path.startsWith(data) && !made.has(path)) made.set(path, Number.parseInt(mode, 8));
  }
  expect(made.size).toBeGreaterThan(5);
  expect([...made].filter(([, mode]) => (mode & 0o077) !== 0)).toEqual([]);
});
