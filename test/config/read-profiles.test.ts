import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ConfigError, readProfiles } from '../../src/config/index.ts';
import { scratchFolder } from './scratch.ts';

const profile = (name: string, more = ''): string => `kind: issuing
name: ${name}
validityDays: 3650
backdateHours: 48
keyUsage: {critical: true, bits: [keyCertSign, cRLSign]}
extendedKeyUsage: null
basicConstraints: {critical: true, pathLength: 0}
subjectKeyIdentifier: sha256-160
${more}`;

function violationsOf(folder: string): readonly string[] {
  try {
    readProfiles(folder);
  } catch (failure) {
    if (failure instanceof ConfigError) return failure.violations;
    throw failure;
  }
  throw new Error('they were taken');
}

describe("the operator's profiles", () => {
  test('are read in order of file name; other files are passed over', () => {
    const folder = scratchFolder({
      'b.yml': profile('second'),
      'a.yaml': profile('first', 'subject: {organization: Example}'),
      'README.md': 'not a profile',
      '.hidden.yaml': 'not: a profile',
      'a.yaml~': 'not a profile',
    });
    const [first, second, ...others] = readProfiles(folder);
    expect(first).toMatchObject({ name: 'first', kind: 'issuing', subject: { organization: 'Example' } });
    expect(second).toMatchObject({ name: 'second', subject: {} });
    expect(others).toEqual([]);
  });

  test('are none where the folder is empty or missing', () => {
    expect(readProfiles(scratchFolder())).toEqual([]);
    expect(readProfiles(join(scratchFolder(), 'profiles'))).toEqual([]);
  });

  test('are refused with every file that does not fit, and what in it', () => {
    const folder = scratchFolder({
      'a.yaml': profile('a', 'colour: red'),
      'b.yaml': profile('b').replace('[keyCertSign, cRLSign]', '[cRLSign]'),
      'c.yaml': 'kind: [',
      'd.yaml': '',
      'e.yaml': profile('e'),
      'f.yaml': profile('e'),
    });
    mkdirSync(join(folder, 'g.yaml'));
    const violations = violationsOf(folder);
    expect(violations.filter((v) => v.includes('e.yaml'))).toHaveLength(1);
    const of = (name: string): string => violations.filter((v) => v.startsWith(join(folder, name))).join();
    expect(of('a.yaml')).toContain('colour');
    expect(of('b.yaml')).toContain('keyCertSign');
    expect(of('c.yaml')).toContain('line');
    expect(of('d.yaml')).toContain('is not a profile');
    expect(of('f.yaml')).toContain(`${join(folder, 'e.yaml')} both hold the profile e`);
    expect(of('g.yaml')).toContain('EISDIR');
  });
});
