import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { openStoreInProcess } from '../../src/store/sqlite-store.ts';
import { verifyLedger } from '../../src/store/verify-ledger.ts';
import { NOON } from './sample.ts';
import { modeOf, scratchDatabase } from './scratch.ts';

const script = fileURLToPath(new URL('./first-start.ts', import.meta.url));

test('under umask 000 every file of the database is 0600; after a kill, what was open is settled', {
  timeout: 60_000,
}, async () => {
  const file = scratchDatabase();
  // umask belongs to a process, not to a thread: a shell sets it for a child.
  const child = spawnSync(
    'sh',
    ['-c', 'umask 000 && exec "$0" "$@"', process.execPath, '--import', 'tsx', script, file],
    { encoding: 'utf8' },
  );
  expect(child.stderr).toBe('');
  expect(child.signal).toBe('SIGKILL');
  const folder = dirname(file);
  const modes = readdirSync(folder).map((name) => [name, modeOf(join(folder, name))]);
  const name = basename(file);
  expect(modes.sort()).toEqual([
    [name, '600'],
    [`${name}-shm`, '600'],
    [`${name}-wal`, '600'],
    [`${name}.lock`, '600'],
  ]);

  expect(verifyLedger(file)).toMatchObject({ ok: true, open: 1, certificates: 2 });
  const store = openStoreInProcess({ file, runId: '00000000000000ee', at: NOON });
  expect(store.abandoned).toBe(1);
  const batch = await store.findBatch('lot');
  expect(batch?.attempts).toMatchObject([{ state: 'interrupted', endedAt: NOON }]);
  expect(verifyLedger(file)).toMatchObject({ ok: true, open: 0, abandoned: 1 });
  await store.close(NOON);
});
