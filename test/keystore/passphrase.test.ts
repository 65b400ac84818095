import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { KeystoreSetupError, type PassphraseSources, readPassphrase } from '../../src/keystore/index.ts';
import { modeOf, scratchFolder } from './scratch.ts';

const random = { bytes: (size: number) => new Uint8Array(size).fill(7) };
const none: PassphraseSources = { file: null, credentialsDirectory: null, value: () => null };

const read = (folder: string, sources: Partial<PassphraseSources> = {}, holdsKeys = false) =>
  readPassphrase({ folder, holdsKeys, sources: { ...none, ...sources }, random });

async function refusalOf(promise: Promise<unknown>): Promise<string> {
  const failure = await promise.catch((reason: unknown) => reason);
  if (!(failure instanceof KeystoreSetupError)) throw new Error('it did not refuse', { cause: failure });
  expect(`${failure.message} ${String(failure.cause)}`).not.toContain('canary');
  return failure.message;
}

function secretFile(content: string | Uint8Array, mode = 0o600): string {
  const path = join(scratchFolder(), 'secret');
  writeFileSync(path, content);
  chmodSync(path, mode);
  return path;
}

function credentialsWith(content: string, mode = 0o440): string {
  const folder = scratchFolder();
  writeFileSync(join(folder, 'fleetca-passphrase'), content);
  chmodSync(join(folder, 'fleetca-passphrase'), mode);
  return folder;
}

describe('the passphrase comes from', () => {
  test('the file, its newline cut', async () => {
    for (const text of ['canary', 'canary\n', 'canary\r\n']) {
      const found = await read(scratchFolder(), { file: secretFile(text, 0o400) }, true);
      expect(found).toMatchObject({ passphrase: 'canary', source: 'file', created: false });
    }
  });

  test('the variable, its newline cut', async () => {
    expect(await read(scratchFolder(), { value: () => 'canary \n' }, true)).toMatchObject({
      passphrase: 'canary ',
      source: 'environment',
      created: false,
    });
  });

  test('the systemd credential, which an ACL shows as readable by a group', async () => {
    const credentialsDirectory = credentialsWith('canary\n');
    const found = { passphrase: 'canary', source: 'credential', created: false };
    expect(await read(scratchFolder(), { credentialsDirectory }, true)).toMatchObject(found);
    const file = join(credentialsDirectory, 'fleetca-passphrase');
    expect(await read(scratchFolder(), { credentialsDirectory, file }, true)).toMatchObject(found);
  });

  test('a file of our own, made once, where nothing is set and there is no key', async () => {
    const folder = scratchFolder();
    const passphrase = Buffer.alloc(32, 7).toString('base64url');
    // A credentials folder without ours in it is no source.
    const sources = { credentialsDirectory: scratchFolder() };
    expect(await read(folder, sources)).toMatchObject({ passphrase, source: 'default', created: true });
    expect(modeOf(join(folder, 'passphrase'))).toBe('600');
    expect(readFileSync(join(folder, 'passphrase'), 'utf8')).toBe(`${passphrase}\n`);
    expect(await read(folder, sources, true)).toMatchObject({
      passphrase,
      source: 'default',
      created: false,
    });
  });

  test('one file of our own, though two processes start at once', async () => {
    const folder = scratchFolder();
    let count = 0;
    const counting = { bytes: (size: number) => new Uint8Array(size).fill(count++) };
    const input = { folder, holdsKeys: false, sources: none, random: counting };
    const [one, two] = await Promise.all([readPassphrase(input), readPassphrase(input)]);
    expect(one.passphrase).toBe(two.passphrase);
    expect([one.created, two.created].sort()).toEqual([false, true]);
  });

  test('what the operator set, before our own', async () => {
    const folder = scratchFolder();
    writeFileSync(join(folder, 'passphrase'), 'ours\n', { mode: 0o600 });
    expect(await read(folder, { value: () => 'theirs' }, true)).toMatchObject({ passphrase: 'theirs' });
  });

  test('no default while the operator set one', async () => {
    const folder = scratchFolder();
    await read(folder, { value: () => 'theirs' });
    expect(existsSync(join(folder, 'passphrase'))).toBe(false);
  });
});

describe('refused is', () => {
  test('more than one source', async () => {
    const file = secretFile('canary');
    const credentialsDirectory = credentialsWith('canary');
    const value = () => 'canary';
    for (const sources of [
      { file, value },
      { file, credentialsDirectory },
      { value, credentialsDirectory },
    ]) {
      expect(await refusalOf(read(scratchFolder(), sources))).toContain('given more than once');
    }
  });

  test('keys without any passphrase; none is made', async () => {
    const folder = scratchFolder();
    expect(await refusalOf(read(folder, {}, true))).toContain('there is no passphrase for them');
    expect(existsSync(join(folder, 'passphrase'))).toBe(false);
  });

  test.each([0o640, 0o604, 0o620, 0o644])('a file of mode %o', async (mode) => {
    const file = secretFile('canary', mode);
    expect(await refusalOf(read(scratchFolder(), { file }))).toContain(`chmod 0600 ${file}`);
  });

  test('a credential that everybody may read', async () => {
    const credentialsDirectory = credentialsWith('canary', 0o444);
    expect(await refusalOf(read(scratchFolder(), { credentialsDirectory }))).toContain('mode 0444');
  });

  test('our own file, if others may read it', async () => {
    const folder = scratchFolder();
    writeFileSync(join(folder, 'passphrase'), 'canary');
    chmodSync(join(folder, 'passphrase'), 0o644);
    expect(await refusalOf(read(folder, {}, true))).toContain('mode 0644');
  });

  test.each([
    ['empty', '', /is empty/],
    ['a newline alone', '\n', /is empty/],
    ['several lines', 'canary\ncanary\n', /several lines/],
    ['NUL', 'canary\0', /control characters/],
    ['too long', 'a'.repeat(1025), /longer than 1024/],
    ['far too long', 'a'.repeat(100_000), /longer than 1024/],
  ])('a passphrase that is %s', async (_, text, message) => {
    expect(await refusalOf(read(scratchFolder(), { file: secretFile(text) }))).toMatch(message);
    expect(await refusalOf(read(scratchFolder(), { value: () => text }))).toMatch(message);
  });

  test('a file that is not text', async () => {
    const file = secretFile(new Uint8Array([0x61, 0xff, 0xfe]));
    expect(await refusalOf(read(scratchFolder(), { file }))).toContain('not UTF-8');
  });

  test('a file that is not there, a folder, a named pipe (without waiting for its writer)', async () => {
    const folder = scratchFolder();
    expect(await refusalOf(read(folder, { file: join(folder, 'gone') }))).toContain('does not exist');
    mkdirSync(join(folder, 'folder'), { mode: 0o700 });
    expect(await refusalOf(read(folder, { file: join(folder, 'folder') }))).toContain('not a regular file');
    execFileSync('mkfifo', ['-m', '600', join(folder, 'pipe')]);
    expect(await refusalOf(read(folder, { file: join(folder, 'pipe') }))).toContain('not a regular file');
  });

  test('a credential that the unit names and systemd did not give', async () => {
    const credentialsDirectory = scratchFolder();
    const file = join(credentialsDirectory, 'fleetca-passphrase');
    expect(await refusalOf(read(scratchFolder(), { file, credentialsDirectory }))).toContain(
      'does not exist',
    );
  });
});
