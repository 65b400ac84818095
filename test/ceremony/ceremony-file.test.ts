import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { fitCeremony } from '../../src/ceremony/index.ts';
import { readCeremonyFile } from '../../src/cli/ceremony/read-file.ts';
import { LocalFailure } from '../../src/cli/local-failure.ts';
import { readPage } from '../support/paste-page.ts';
import { scratchFolder } from '../support/service.ts';

const ROOT = `ceremony: root
title: Root of the demo fleet
custodians: [Ada, Grace, Alan]
target: ota-connect
key:
  algorithm: ec-p384
  file: keys/demo-root.pem
  shares:
    needed: 2
certificate:
  commonName: Demo Fleet Root
`;

const folder = scratchFolder();

/** What is said of a file, a line each. */
async function faultsOf(text: string): Promise<readonly string[]> {
  const path = join(folder, 'it.yaml');
  writeFileSync(path, text);
  try {
    await readCeremonyFile(path);
  } catch (failure) {
    if (failure instanceof LocalFailure)
      return failure.violations.map(({ at, message }) => (at === '' ? message : `${at}: ${message}`));
    throw failure;
  }
  return [];
}

describe('the file of a ceremony', () => {
  it('that fits is taken', async () => {
    expect(await faultsOf(ROOT)).toEqual([]);
  });

  it.each([
    [
      'an unknown kind',
      ['ceremony: root', 'ceremony: rooot'],
      'line 1, ceremony: must be root, issuing, cross or crl',
    ],
    ['an unknown key', ['  algorithm', '  size: 4\n  algorithm'], 'line 6, key.size: is not known here'],
    [
      'a key of a kind that OpenSSL 3.0 verifies no transcript by',
      ['ec-p384', 'ed25519'],
      'line 6, key.algorithm: must be one of ec-p256, ec-p384, rsa-3072, rsa-4096',
    ],
    [
      'more shares than custodians',
      ['needed: 2', 'needed: 4'],
      'line 9, key.shares.needed: must be at most the number of custodians, 3',
    ],
    ['one share that is enough', ['needed: 2', 'needed: 1'], 'line 9, key.shares.needed: must be at least 2'],
    ['a custodian who stands twice', ['Grace', 'Ada'], 'line 3, custodians: must not name anybody twice'],
    [
      'no name',
      ['  commonName: Demo Fleet Root\n', '  validityDays: 100\n'],
      'line 11, certificate.commonName: is due, and missing: must be text',
    ],
    [
      'a number that is text',
      ['commonName: Demo', 'validityDays: long\n  commonName: Demo'],
      'line 11, certificate.validityDays: must be a whole number from 31 to 36500',
    ],
    [
      'two places for the key',
      ['  shares:\n    needed: 2', '  token: { module: /m.so, pinFile: pin, key: k }'],
      'line 6, key: must have either file or token',
    ],
    [
      'a name of a key file that is none',
      ['keys/demo-root.pem', 'keys/Demo.key'],
      'line 7, key.file: must end in a name of small letters, digits and hyphens, and .pem',
    ],
  ])('with %s is refused by line and key', async (_what, [from = '', to = ''], fault) => {
    expect(await faultsOf(ROOT.replace(from, to))).toContain(fault);
  });

  it('that is no YAML, or holds no settings, is refused', async () => {
    expect((await faultsOf('a: [')).join()).toContain('is not one YAML document');
    expect((await faultsOf('a: 1\na: 2\n')).join()).toContain('DUPLICATE_KEY in line 2');
    expect(fitCeremony(null)).toMatchObject({
      violations: [{ at: '', message: 'must hold settings by name' }],
    });
  });

  it('fits wherever docs/ceremonies.md shows a whole one', () => {
    const shown = [...readPage('ceremonies.md').matchAll(/```yaml\n(# \S+\n.*?)```/gs)];
    expect(shown.length).toBe(4);
    for (const [, text = ''] of shown) expect(fitCeremony(parse(text))).toHaveProperty('ceremony');
  });

  it('says of each revoked serial number what does not fit', async () => {
    const crl = `ceremony: crl
title: List
custodians: [Ada]
signer:
  certificate: root.crt
  key: { file: keys/a.pem }
previous: none
crl: { validDays: 400 }
revoked:
  - { serial: 1234, at: 2026-01-01T00:00:00Z, reason: keyCompromise }
  - { serial: 'zz', at: yesterday, reason: because }
`;
    expect(await faultsOf(crl)).toEqual([
      'line 10, revoked.0.serial: must be text: put it in quotes',
      'line 11, revoked.1.serial: must be pairs of small hexadecimal digits',
      'line 11, revoked.1.at: must be a time in UTC, as 2027-03-01T10:00:00Z',
      expect.stringMatching(/^line 11, revoked\.1\.reason: must be one of unspecified, keyCompromise/),
    ]);
  });
});
