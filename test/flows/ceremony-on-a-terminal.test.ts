/** What a ceremony asks of people on a terminal, which `script` of util-linux gives it: typed in the dark, and never shown. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, vi } from 'vitest';
import { isLeftOut } from '../support/counterpart.ts';
import { runFleetca } from '../support/run-fleetca.ts';
import { scratchFolder } from '../support/service.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/fleetca.mjs', import.meta.url));
const PASSPHRASE = 'a passphrase that people think of';
const cwd = scratchFolder();

/** Runs a ceremony, and types each answer when its question stands there. Gives all that the screen has shown. */
async function perform(
  args: string,
  answers: readonly (readonly [question: string, typed: string])[],
): Promise<{ readonly status: number; readonly screen: string }> {
  const terminal = spawn(
    'script',
    ['-qefc', `exec '${process.execPath}' '${PROGRAM}' ceremony run ${args}`, '/dev/null'],
    {
      cwd,
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { PATH: process.env.PATH, TERM: 'xterm' },
    },
  );
  let screen = '';
  terminal.stdout.setEncoding('utf8').on('data', (text: string) => {
    screen += text;
  });
  const ended = once(terminal, 'exit');
  let seen = 0;
  for (const [question, typed] of answers) {
    await vi.waitUntil(() => screen.indexOf(question, seen) >= 0 || terminal.exitCode !== null, {
      timeout: 60_000,
    });
    seen = screen.indexOf(question, seen) + question.length;
    terminal.stdin.write(`${typed}\r`);
  }
  const [status] = await ended;
  return { status, screen };
}

const rootFile = (name: string, more: string): string => `ceremony: root
title: Root ${name}
custodians: [Ada Lovelace, Grace Hopper, Alan Turing]
target: generic
key:
  algorithm: ec-p256
  file: ${name}/keys/root.pem
${more}certificate:
  commonName: Root ${name}
`;

const listFile = (name: string, passphrase: string): string => `ceremony: crl
title: CRL of ${name}
custodians: [Ada Lovelace, Grace Hopper]
target: generic
signer:
  certificate: ${name}/root/root.crt
  key: { file: ${name}/keys/root.pem${passphrase} }
previous: none
crl: { validDays: 400 }
`;

const leftIn = (folder: string): readonly string[] => readdirSync(join(cwd, folder));

/** The lines of a share as a custodian reads them out. */
const linesOf = (share: string): readonly string[] => share.match(/^\d .*$/gm) ?? [];

describe.skipIf(isLeftOut('script'))('a ceremony on a terminal', () => {
  it('asks for the passphrase of a new key twice, and for that of a key that is there once', async () => {
    writeFileSync(join(cwd, 'typed.yaml'), rootFile('typed', ''));
    const differ = await perform('typed.yaml --out typed/root', [
      ['Passphrase of the new key: ', PASSPHRASE],
      ['The same again: ', `${PASSPHRASE}.`],
    ]);
    expect([differ.status, differ.screen]).toEqual([
      2,
      expect.stringContaining('The two were not the same.'),
    ]);
    expect(existsSync(join(cwd, 'typed/keys/root.pem'))).toBe(false);
    const made = await perform('typed.yaml --out typed/root', [
      ['Passphrase of the new key: ', PASSPHRASE],
      ['The same again: ', PASSPHRASE],
    ]);
    expect(made.status, made.screen).toBe(0);

    writeFileSync(join(cwd, 'typed-list.yaml'), listFile('typed', ''));
    const wrong = await perform('typed-list.yaml --out typed/list', [
      ['Passphrase of the key: ', 'another one'],
    ]);
    expect([wrong.status, wrong.screen]).toEqual([6, expect.stringContaining('passphrase does not fit')]);
    expect(leftIn('typed/list')).toEqual([]);
    const listed = await perform('typed-list.yaml --out typed/list', [
      ['Passphrase of the key: ', PASSPHRASE],
    ]);
    expect(listed.status, listed.screen).toBe(0);
    for (const { screen } of [differ, made, wrong, listed])
      expect(screen).not.toMatch(/people think|another one/);
  });

  it('takes the shares that custodians type, and nothing of them is on the screen', async () => {
    writeFileSync(join(cwd, 'split.yaml'), rootFile('split', '  shares: { needed: 2 }\n'));
    const { status, err } = await runFleetca(
      { cwd },
      'ceremony',
      'run',
      'split.yaml',
      '--out',
      'split/root',
      '--shares',
      'split/shares',
    );
    expect(status, err).toBe(0);
    writeFileSync(join(cwd, 'split-list.yaml'), listFile('split', ', passphrase: shares'));
    const [first = [], , third = []] = [1, 2, 3].map((n) =>
      linesOf(readFileSync(join(cwd, `split/shares/share-${n}.txt`), 'utf8')),
    );
    const { status: ended, screen } = await perform('split-list.yaml --out split/list', [
      ['Share 1, line by line:', third.join('\r')],
      ['Share 2, line by line:', first.join('\r')],
    ]);
    expect(ended, screen).toBe(0);
    expect(existsSync(join(cwd, 'split/list/root.crl'))).toBe(true);
    for (const line of [...first, ...third]) expect(screen).not.toContain(line.slice(3));
  });

  it('ends where nothing is typed, and leaves nothing', async () => {
    writeFileSync(join(cwd, 'none.yaml'), rootFile('none', ''));
    const { status, screen } = await perform('none.yaml --out none/root', [
      ['Passphrase of the new key: ', ''],
    ]);
    expect([status === 0, screen]).toEqual([false, expect.stringContaining('Nothing was typed')]);
    expect([leftIn('none/root'), existsSync(join(cwd, 'none/keys/root.pem'))]).toEqual([[], false]);
  });
});
