/** The script that puts files onto a device, run by the shells that devices have. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openingScript, placingScript, quote } from '../../src/cli/cert-provider/placing-script.ts';
import { scratchFolder } from '../cli/scratch.ts';
import { isLeftOut } from '../support/counterpart.ts';

const STAGE = '.fleetca-0123456789abcdef';
const SHELLS = [['dash'], ['bash', '--posix'], ['busybox', 'sh']].filter(
  ([name]) => !isLeftOut(String(name)),
);
const KEY = '-----BEGIN PRIVATE KEY-----\nsecret\n-----END PRIVATE KEY-----\n';

const filesIn = (folder: string) => [
  { path: `${folder}/pkey.pem`, content: KEY },
  { path: `${folder}/client.pem`, content: "it's $HOME `id` \\n ü\n" },
  { path: `${folder}/gateway.url`, content: "https://gw'$HOME" },
];

const everything = (root: string): readonly string[] =>
  readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((name) => !statSync(join(root, name)).isDirectory())
    .sort();

describe.each(SHELLS)('%s', (...shell) => {
  const [program, ...flags] = shell.filter((word) => word !== undefined) as [string, ...string[]];
  const run = (script: string, cwd: string) => {
    const { status, stdout, stderr } = spawnSync(program, flags, { cwd, input: script, encoding: 'utf8' });
    return { status, said: stdout.trim().split('\n'), stderr };
  };
  const whole = (folder: string): string => {
    const files = filesIn(folder);
    return (
      openingScript(
        files.map(({ path }) => path),
        STAGE,
      ) + placingScript(files, STAGE)
    );
  };

  it.each([
    "it's",
    'a b',
    '"',
    '$(touch hurt)',
    '`touch hurt`',
    '-rf',
    'ü\u{1f511}',
    '\\',
    '*',
    '~',
    ';&|',
    '#',
  ])('puts all files into a folder that is called %j, octet for octet, 0600', (name) => {
    const root = scratchFolder();
    for (const folder of [name, join(root, 'absolute', name, 'deep')]) {
      const { status, said, stderr } = run(whole(folder), root);
      expect([status, said, stderr]).toEqual([0, ['fleetca: ready', 'fleetca: done'], '']);
      for (const { path, content } of filesIn(folder)) {
        const at = path.startsWith('/') ? path : join(root, path);
        expect(readFileSync(at, 'utf8')).toBe(content);
        expect(statSync(at).mode & 0o777).toBe(0o600);
      }
    }
    expect(everything(root)).toHaveLength(6);
  });

  it('does nothing, and leaves nothing, where it is cut off anywhere', () => {
    const root = scratchFolder({ 'in/pkey.pem': 'old key' });
    const script = whole(join(root, 'in'));
    const begins = script.indexOf('place() {');
    const ends = script.lastIndexOf('\nplace ') + 1;
    for (const at of [
      0,
      10,
      begins,
      begins + 9,
      script.indexOf('secret'),
      script.indexOf('mv -f'),
      ends - 2,
      ends,
      ends + 3,
    ]) {
      run(script.slice(0, at), root);
      expect([at, everything(root)]).toEqual([at, ['in/pkey.pem']]);
      expect(readFileSync(join(root, 'in/pkey.pem'), 'latin1')).toBe('old key');
      expect(readdirSync(join(root, 'in'))).toEqual(['pkey.pem']);
    }
  });

  it('undoes the moves before one that fails, and says so', () => {
    const root = scratchFolder({ 'in/pkey.pem': 'old key' });
    const files = filesIn(join(root, 'in'));
    // The last file's way there is taken from under it.
    const script = whole(join(root, 'in')).replace(
      "trap '' HUP",
      `rm ${quote(join(root, 'in', STAGE, '2.new'))}; trap '' HUP`,
    );
    const { status, said } = run(script, root);
    expect([status, said.at(-1)]).toEqual([1, 'fleetca: not written']);
    expect(everything(root)).toEqual(['in/pkey.pem']);
    expect(readFileSync(String(files[0]?.path), 'latin1')).toBe('old key');
  });

  it('refuses a folder where a file is due, before anything is written', () => {
    const root = scratchFolder();
    mkdirSync(join(root, 'in/client.pem'), { recursive: true });
    const { status, said, stderr } = run(whole(join(root, 'in')), root);
    expect([status, said]).toEqual([1, ['fleetca: no place']]);
    expect(stderr).toContain('client.pem is a folder');
    expect(readdirSync(join(root, 'in'))).toEqual(['client.pem']);
  });

  it('says that there is no place where a file is in the way', () => {
    const root = scratchFolder();
    writeFileSync(join(root, 'in'), 'a file');
    const { status, said } = run(whole(join(root, 'in')), root);
    expect([status, said]).toEqual([1, ['fleetca: no place']]);
    expect(everything(root)).toEqual(['in']);
  });
});

it('quotes any text as one word', () => {
  const texts = ["'", "''", '', 'a\nb', '\\', "it's", '$x', '!!', '\u{1f511}'];
  for (const text of texts)
    expect(execFileSync('dash', ['-c', `printf %s ${quote(text)}`], { encoding: 'utf8' })).toBe(text);
});
