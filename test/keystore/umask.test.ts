import { execFileSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { prepareKeyFolder } from '../../src/keystore/index.ts';
import { modeOf, scratchFolder } from './scratch.ts';

const script = fileURLToPath(new URL('./first-start.ts', import.meta.url));

test.each(['000', '0377'])('under umask %s keys are 0600 in 0700', { timeout: 60_000 }, async (umask) => {
  const folder = join(scratchFolder(), 'keys');
  // umask belongs to a process, not to a thread: a shell sets it for a child.
  execFileSync(
    'sh',
    ['-c', `umask ${umask} && exec "$0" "$@"`, process.execPath, '--import', 'tsx', script, folder],
    {
      env: { ...process.env, TSX_DISABLE_CACHE: '1' },
    },
  );
  const modes = readdirSync(folder).map((name) => [name, modeOf(join(folder, name))]);
  expect(modes.sort()).toEqual([
    ['admin-token', '600'],
    ['fleet.root.0a.pem', '600'],
    ['passphrase', '600'],
  ]);
  expect(modeOf(folder)).toBe('700');
  expect(await prepareKeyFolder(folder)).toBe(true);
});
