import { posix, win32 } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { deviceFolder } from '../../src/bundle/index.ts';
import { foldDeviceId, verifyDeviceId } from '../../src/policy/index.ts';
import { codeOf } from '../support/refusal.ts';

const isAllowed = (id: string): boolean => codeOf(() => verifyDeviceId(id, 'any')) === 'taken';

/** IDs full of what file systems take for something else. */
const id = fc.oneof(
  fc.string({
    unit: fc.constantFrom(
      'a',
      'A',
      'b',
      '0',
      '.',
      '-',
      '_',
      '~',
      ' ',
      ':',
      '*',
      '$',
      'ß',
      'ſ',
      's',
      'S',
      'é',
    ),
    maxLength: 6,
  }),
  fc.string({ unit: 'grapheme', maxLength: 64 }),
  fc.constantFrom(
    'con',
    'CON',
    'Con.txt',
    'nul',
    'aux.',
    'COM1',
    'lpt9.a',
    'clock$',
    '..',
    '.',
    '...',
    '~',
    '%2e%2e',
    'a:b',
  ),
);

/** Any UTF-16 at all, lone surrogates included. */
const anything = fc.uint16Array({ maxLength: 300 }).map((units) => String.fromCharCode(...units));

describe('the folder of a device', () => {
  it('is a plain name that stays in its place, whatever the ID', () => {
    fc.assert(
      fc.property(fc.oneof(id, anything), (any) => {
        const folder = deviceFolder(any);
        expect(folder).toMatch(/^(?:[A-Za-z0-9][A-Za-z0-9._-]*|~[0-9a-f]{64})$/);
        expect(folder).not.toMatch(/\.$/);
        expect(folder.length).toBeLessThanOrEqual(200);
        for (const { join } of [posix, win32]) expect(join('x', folder)).toMatch(/^x[/\\][^/\\]+$/);
      }),
      { numRuns: 200, seed: 12 },
    );
  });

  it('is no other device’s, also where the file system does not tell case', () => {
    fc.assert(
      fc.property(id, id, (one, other) => {
        fc.pre(isAllowed(one) && isAllowed(other) && foldDeviceId(one) !== foldDeviceId(other));
        expect(deviceFolder(one).toLowerCase()).not.toBe(deviceFolder(other).toLowerCase());
      }),
      { numRuns: 800, seed: 13 },
    );
  });

  it('is the ID itself where that is plain', () => {
    for (const plain of [
      'WVWZZZ1JZXW000001',
      '0f8fad5b-d9cb-469f-a165-70867728950e',
      'a',
      'console',
      'com10',
      'a.b_c-d',
      'NULL',
    ]) {
      expect(deviceFolder(plain)).toBe(plain);
    }
  });

  it('is a digest of the ID where a file system takes it for something else', () => {
    for (const odd of [
      'con',
      'CON',
      'Con.txt',
      'nul',
      'NUL.tar.gz',
      'prn',
      'aux.x',
      'com1',
      'COM0',
      'lpt9.log',
      'clock$',
      '.hidden',
      '..',
      '-rf',
      '_x',
      'a.',
      'a b',
      'a/b',
      'a\\b',
      'a:b',
      '~root',
      '',
      'ä',
      'a\0',
      'x'.repeat(201),
    ]) {
      expect(deviceFolder(odd)).toMatch(/^~[0-9a-f]{64}$/);
    }
  });
});
