import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { foldDeviceId, verifyDeviceId } from '../../src/policy/index.ts';
import { codeOf } from '../support/refusal.ts';

const code = (id: string): string => codeOf(() => verifyDeviceId(id, 'any'));

/** Characters of every kind, those that are refused among them. */
const anything = fc
  .array(
    fc.oneof(
      fc.constantFrom(...'aZ0-_. /\\\n\0é'),
      fc.nat(0xffff).map((unit) => String.fromCharCode(unit)),
    ),
    { maxLength: 8 },
  )
  .map((characters) => characters.join(''));

describe('a device ID', () => {
  for (const id of [
    'a',
    'WVWZZZ1JZXW000001',
    'x'.repeat(64),
    '😀'.repeat(64),
    'Gerät 7',
    '~',
    'a..b',
    "'; --",
    '%2e',
    '=1+1',
    'नमस्ते',
    '日本',
    '-x',
  ]) {
    it(`may be ${JSON.stringify(id)}`, () => {
      expect(code(id)).toBe('taken');
    });
  }

  for (const id of [
    '',
    'x'.repeat(65),
    '😀'.repeat(65),
    '\ud800',
    'a\ud83d',
    'a\0b',
    'a\nb',
    'a\tb',
    'a\x7fb',
    'a\u0085b',
    'a\u200bb',
    'a\u200d',
    'a\u202eb',
    'a\u2066b',
    'a\ufeffb',
    'a\u00adb',
    'a\u2028b',
    'a\u2029b',
    'a\ue000b',
    'a\u{e0041}b',
    'e\u0301',
    '\u212b',
    'a/b',
    'a\\b',
    '../x',
    '.',
    '..',
    '.a',
    'a.',
    ' a',
    'a ',
    '\u00a0a',
    'a\u3000',
  ]) {
    it(`may not be ${JSON.stringify(id)}`, () => {
      expect(code(id)).toBe('bad-device-id');
    });
  }

  it('is no path, no several lines, and comes back from UTF-8, whatever it is', () => {
    fc.assert(
      fc.property(anything, (id) => {
        fc.pre(code(id) === 'taken');
        expect(id).not.toMatch(/[/\\\r\n\0]/);
        expect(id).not.toMatch(/^\.|\.$/);
        expect(Buffer.from(id, 'utf8').toString('utf8')).toBe(id);
        expect(id.normalize('NFC')).toBe(id);
      }),
      { numRuns: 300, seed: 16 },
    );
  });

  it('is taken, and folds by the general rule, where it is plain ASCII', () => {
    const plain = fc.stringMatching(/^[0-9A-Za-z](?:[0-9A-Za-z._-]{0,62}[0-9A-Za-z])?$/);
    fc.assert(
      fc.property(plain, (id) => {
        expect(code(id)).toBe('taken');
        expect(foldDeviceId(id)).toBe(id.normalize('NFKC').toUpperCase().toLowerCase().normalize('NFKC'));
        // The rules themselves, which a plain ID is spared, say the same of it beside a character that is not.
        expect(code(`${id.slice(0, 60)}é`)).toBe('taken');
      }),
    );
  });

  it('folds to the same in any case and width, and never to nothing', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }), (id) => {
        fc.pre(code(id) === 'taken');
        const folded = foldDeviceId(id);
        expect(folded).not.toBe('');
        expect(foldDeviceId(id.toUpperCase())).toBe(folded);
        expect(foldDeviceId(id.normalize('NFKC'))).toBe(folded);
      }),
      { numRuns: 300, seed: 17 },
    );
  });
});
