import { chmodSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test, vi } from 'vitest';
import { KeystoreSetupError, prepareKeyFolder, writeSecretFile } from '../../src/keystore/index.ts';
import { modeOf, scratchFolder } from './scratch.ts';

const problemsOf = async (folder: string): Promise<readonly string[]> => {
  const failure = await prepareKeyFolder(folder).catch((reason: unknown) => reason);
  if (failure instanceof KeystoreSetupError) return failure.problems;
  throw new Error('it did not refuse', { cause: failure });
};

function folderWith(mode: number, files: Readonly<Record<string, number>>): string {
  const folder = join(scratchFolder(), 'keys');
  mkdirSync(folder);
  for (const [name, fileMode] of Object.entries(files)) {
    writeFileSync(join(folder, name), 'x');
    chmodSync(join(folder, name), fileMode);
  }
  chmodSync(folder, mode);
  return folder;
}

describe('the key folder', () => {
  test('is made 0700 where there is none', async () => {
    const folder = join(scratchFolder(), 'data', 'keys');
    expect(await prepareKeyFolder(folder)).toBe(false);
    expect(modeOf(folder)).toBe('700');
  });

  test('as git checks it out is set to 0700, and holds no key', async () => {
    const folder = folderWith(0o755, { 'README.md': 0o644, '.gitignore': 0o644 });
    expect(await prepareKeyFolder(folder)).toBe(false);
    expect(modeOf(folder)).toBe('700');
  });

  test('with keys and right modes is taken as it is', async () => {
    const folder = folderWith(0o700, {
      'README.md': 0o644,
      'a.pem': 0o600,
      passphrase: 0o600,
      '.b.pem.0.new': 0o600,
    });
    mkdirSync(join(folder, 'lost+found'));
    expect(await prepareKeyFolder(folder)).toBe(true);
  });

  test('with a passphrase and no key holds no key', async () => {
    expect(await prepareKeyFolder(folderWith(0o700, { passphrase: 0o600 }))).toBe(false);
  });

  test.each([
    [0o755, '0755'],
    [0o750, '0750'],
    [0o777, '0777'],
  ])('with keys is refused at mode %o, and not repaired', async (mode, text) => {
    const folder = folderWith(mode, { 'a.pem': 0o600 });
    const before = statSync(folder).mode;
    expect(await problemsOf(folder)).toEqual([
      `${folder} has mode ${text} where 0700 is due: chmod 0700 ${folder}`,
    ]);
    expect(statSync(folder).mode).toBe(before);
  });

  test('with a passphrase alone is refused when others may enter', async () => {
    const folder = folderWith(0o755, { passphrase: 0o600 });
    expect(await problemsOf(folder)).toHaveLength(1);
  });

  test('is refused with every file that others may read, and with links', async () => {
    const folder = folderWith(0o700, { 'a.pem': 0o640, 'b.pem': 0o600, passphrase: 0o604 });
    symlinkSync(join(folder, 'b.pem'), join(folder, 'c.pem'));
    mkdirSync(join(folder, 'd.pem'));
    const problems = await problemsOf(folder);
    expect([...problems].sort()).toEqual([
      `${folder}/a.pem has mode 0640 where 0600 is due: chmod 0600 ${folder}/a.pem`,
      `${folder}/c.pem is not a regular file: put the file itself there, not a link to it`,
      `${folder}/d.pem is not a regular file: put the file itself there, not a link to it`,
      `${folder}/passphrase has mode 0604 where 0600 is due: chmod 0600 ${folder}/passphrase`,
    ]);
  });

  test('of somebody else is refused, with keys and without', async () => {
    const own = process.geteuid?.() ?? 0;
    for (const folder of [folderWith(0o700, { 'a.pem': 0o600 }), folderWith(0o755, { 'README.md': 0o644 })]) {
      const spy = vi.spyOn(process, 'geteuid').mockReturnValue(own + 1);
      const [problem] = await problemsOf(folder);
      spy.mockRestore();
      expect(problem).toContain(`belongs to user ${own}, and this process runs as user ${own + 1}`);
      expect(problem).toContain(`chown ${own + 1} ${folder}`);
    }
  });

  test('that is a file is refused', async () => {
    const path = join(scratchFolder(), 'keys');
    writeFileSync(path, '');
    expect(await problemsOf(path)).toEqual([`${path} is not a folder`]);
    expect(await problemsOf(join(path, 'below'))).toEqual([
      `The key folder ${path}/below cannot be prepared: ENOTDIR`,
    ]);
  });

  test('gives a command that a shell takes, whatever the path', async () => {
    const folder = join(scratchFolder(), "a b'c");
    mkdirSync(folder);
    await writeSecretFile(join(folder, 'a.pem'), 'x');
    chmodSync(folder, 0o755);
    const [problem] = await problemsOf(folder);
    expect(problem?.endsWith(`/a b'\\''c'`)).toBe(true);
  });
});
