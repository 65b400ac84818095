import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { combineShares, KeystoreSetupError, parseShare, splitPassphrase } from '../../src/keystore/index.ts';
import { systemRandom } from '../../src/random.ts';

const CUSTODIANS = ['Ada Lovelace', 'Grace Hopper', 'Alan Turing', 'Mary Kenneth Keller'];
const splitting = (needed = 2, custodians = CUSTODIANS) =>
  splitPassphrase({ needed, custodians, opens: 'root.pem', random: systemRandom });

const read = (texts: readonly string[], numbers: readonly number[]) =>
  numbers.map((n) => parseShare(`share ${n}`, texts[n - 1] ?? ''));

async function problemOf(act: () => unknown): Promise<string> {
  try {
    await act();
  } catch (failure) {
    if (failure instanceof KeystoreSetupError) return failure.problems.join();
    throw failure;
  }
  throw new Error('nothing was refused');
}

describe('a passphrase that is split', () => {
  it('comes back from any shares that are enough, in any order, and has 256 random bits', async () => {
    const { passphrase, texts } = await splitting(3);
    expect(Buffer.from(passphrase, 'base64url')).toHaveLength(32);
    for (const numbers of [
      [1, 2, 3],
      [4, 2, 1],
      [1, 2, 3, 4],
    ])
      expect(await combineShares(read(texts, numbers))).toBe(passphrase);
    expect((await splitting(3)).passphrase).not.toBe(passphrase);
  });

  it('is in no share, and each says whom it is for and how many are needed', async () => {
    const { passphrase, texts } = await splitting(2);
    for (const [i, text] of texts.entries()) {
      expect(text).toContain(`share ${i + 1} of 4 of the passphrase of root.pem`);
      expect(text).toContain(`For ${CUSTODIANS[i]}. Any 2 shares`);
      expect(text).not.toContain(passphrase);
    }
  });

  it('is refused with too few shares, with one twice, and with one of another set', async () => {
    const { texts } = await splitting(3);
    const other = await splitting(3);
    expect(await problemOf(() => combineShares(read(texts, [1, 4])))).toContain(
      '3 shares are needed, and there are 2',
    );
    expect(await problemOf(() => combineShares(read(texts, [1, 2, 2])))).toContain(
      'the same share, number 2',
    );
    const mixed = [...read(texts, [1, 2]), ...read(other.texts, [3])];
    expect(await problemOf(() => combineShares(mixed))).toContain('of another set');
  });

  it('is refused where a share is not what was split, which the check value tells', async () => {
    const { texts } = await splitting(2);
    const [one, two] = read(texts, [1, 2]);
    if (!one || !two) throw new Error('two shares are due');
    const share = Uint8Array.from(two.share);
    share[5] = (share[5] ?? 0) ^ 1;
    expect(await problemOf(() => combineShares([one, { ...two, share }]))).toContain(
      'do not give what was split',
    );
    // As if the number that is needed had been written too low.
    const three = (await splitting(3)).texts;
    const low = read(three, [1, 2]).map((part) => ({ ...part, needed: 2 }));
    expect(await problemOf(() => combineShares(low))).toContain('do not give what was split');
  });
});

describe('a share on paper', () => {
  it('is read in small letters, with hyphens or without blanks, and with O for 0, I and L for 1', async () => {
    const { texts } = await splitting();
    const text = texts[0] ?? '';
    const clean = parseShare('it', text);
    const lines = text.split('\n').filter((line) => /^\d {2}/.test(line));
    expect(lines).toHaveLength(5);
    const typed = lines
      .map((line) => `${line.slice(0, 1)}: ${line.slice(3).replaceAll(' ', '-').toLowerCase()}`)
      .map((line) => line.slice(0, 3) + line.slice(3).replaceAll('0', 'o').replaceAll('1', 'l'));
    expect(parseShare('it', typed.join('\r\n'))).toEqual(clean);
  });

  it('names the line in which a character was mistyped, left out, or is in no share', async () => {
    const { texts } = await splitting();
    const lines = (texts[1] ?? '').split('\n').filter((line) => /^\d {2}/.test(line));
    const withThird = (change: (line: string) => string) =>
      parseShare('B', lines.map((line, i) => (i === 2 ? change(line) : line)).join('\n'));
    const swapped = (line: string) => line.slice(0, 3) + (line[3] === '7' ? '8' : '7') + line.slice(4);
    expect(await problemOf(() => withThird(swapped))).toContain('Line 3 of B does not fit its checksum');
    expect(await problemOf(() => withThird((line) => line.slice(0, -1)))).toContain(
      'Line 3 of B has 18 characters',
    );
    expect(await problemOf(() => withThird((line) => `${line.slice(0, -1)}U`))).toContain('the character U');
    expect(await problemOf(() => withThird(() => ''))).toContain('B has no line 3');
    const foreign = (texts[2] ?? '').split('\n').find((line) => line.startsWith('3  ')) ?? '';
    expect(await problemOf(() => withThird(() => foreign))).toContain(
      'Line 3 of B does not fit its checksum',
    );
  });

  it('shows any one character that was mistyped', async () => {
    const { texts } = await splitting();
    const lines = (texts[0] ?? '').split('\n').filter((line) => /^\d {2}/.test(line));
    const alphabet = [...'0123456789ABCDEFGHJKMNPQRSTVWXYZ'];
    let unseen = 0;
    fc.assert(
      fc.property(fc.nat(4), fc.nat(15), fc.constantFrom(...alphabet), (row, place, character) => {
        const line = lines[row] ?? '';
        const at = 3 + place + Math.floor(place / 4);
        if (line[at] === character) return;
        const typed = line.slice(0, at) + character + line.slice(at + 1);
        try {
          parseShare('it', lines.map((one, i) => (i === row ? typed : one)).join('\n'));
          unseen++;
        } catch (failure) {
          expect(failure).toBeInstanceOf(KeystoreSetupError);
        }
      }),
      { numRuns: 300 },
    );
    // 15 bits miss one in 32,768.
    expect(unseen).toBeLessThanOrEqual(1);
  });
});
