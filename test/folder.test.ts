import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { FolderError, makeFolder } from '../src/folder.ts';

function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'fleetca-folder-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

const messageOf = async (path: string): Promise<string> => {
  const failure = await makeFolder(path).catch((reason: unknown) => reason);
  if (failure instanceof FolderError) return failure.message;
  throw new Error('it did not refuse', { cause: failure });
};

test('a folder is made with those above it, all with the mode that was asked', async () => {
  const path = join(scratchFolder(), 'a', 'b', 'c');
  const made = await makeFolder(path, 0o700);
  expect(made).toEqual([join(path, '../..'), join(path, '..'), path]);
  expect(await makeFolder(path, 0o700)).toEqual([]);
  for (const folder of [path, join(path, '..'), join(path, '../..')])
    expect(statSync(folder).mode & 0o777).toBe(0o700);
});

test('one that is there stays as it is, also when several make it at a time', async () => {
  const folder = scratchFolder();
  mkdirSync(join(folder, 'there'), { mode: 0o750 });
  await makeFolder(join(folder, 'there'), 0o700);
  expect(statSync(join(folder, 'there')).mode & 0o777).toBe(0o750);
  await Promise.all(Array.from({ length: 8 }, () => makeFolder(join(folder, 'x', 'y'))));
  expect(existsSync(join(folder, 'x', 'y'))).toBe(true);
});

test('a file in the way is named, as the folder itself and above it', async () => {
  const file = join(scratchFolder(), 'file');
  writeFileSync(file, '');
  expect(await messageOf(file)).toContain(`The folder ${file} cannot be made: it is there, and no folder`);
  expect(await messageOf(join(file, 'below'))).toContain('a part of the path is no folder (ENOTDIR)');
});

test('where the last cannot be made those above it go again', async () => {
  const folder = scratchFolder();
  const failure = await makeFolder(join(folder, 'a', 'b', 'x'.repeat(300))).catch(
    (reason: unknown) => reason,
  );
  expect(failure).toBeInstanceOf(Error);
  expect(existsSync(join(folder, 'a'))).toBe(false);
});

test.skipIf(process.platform !== 'linux')(
  'where a file system takes no folders it ends with the folder that could not be made',
  async () => {
    expect(await messageOf('/proc/fleetca/data/db')).toContain(
      'The folder /proc/fleetca cannot be made: no folder can be made there (ENOENT)',
    );
  },
);
