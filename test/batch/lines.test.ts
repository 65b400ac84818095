import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/batch/index.ts';
import { type Line, splitLines } from '../../src/batch/lines.ts';

const MAX_ROW_OCTETS = LIMITS.rowOctets;

async function* stream(pieces: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* pieces;
}

async function split(pieces: readonly Uint8Array[]): Promise<Line[]> {
  const lines: Line[] = [];
  for await (const group of splitLines(stream(pieces))) lines.push(...group);
  return lines;
}

const seen = (lines: readonly Line[]) =>
  lines.map((octets, i) => [i + 1, octets && Buffer.from(octets).toString('latin1')]);
const splitText = async (...pieces: string[]) => seen(await split(pieces.map((text) => Buffer.from(text))));

/** Cuts octets at the places given. */
function cut(octets: Uint8Array, places: readonly number[]): Uint8Array[] {
  const at = [
    0,
    ...places.map((place) => place % (octets.length + 1)).toSorted((a, b) => a - b),
    octets.length,
  ];
  return at.slice(1).map((end, i) => octets.subarray(at[i], end));
}

describe('the lines of an upload', () => {
  it('are the same wherever its pieces end', async () => {
    const character = fc.constantFrom('a', 'é', '{', '\n', '\n', '\r\n', ' ', '\t', '\n\n');
    await fc.assert(
      fc.asyncProperty(
        fc.string({ unit: character, maxLength: 60 }),
        fc.array(fc.nat(200), { maxLength: 8 }),
        async (text, places) => {
          const octets = Buffer.from(text);
          const whole = seen(await split([octets]));
          expect(seen(await split(cut(octets, places)))).toEqual(whole);
          expect(seen(await split([...octets].map((octet) => Uint8Array.of(octet))))).toEqual(whole);
          const expected = octets
            .toString('latin1')
            .split('\n')
            .filter((line) => /[^ \t\r]/.test(line));
          expect(whole).toEqual(expected.map((line, i) => [i + 1, line]));
        },
      ),
      { numRuns: 200, seed: 3 },
    );
  });

  it('are numbered from 1, blank ones not counted', async () => {
    expect(await splitText('\n\r\n a\n\n \t\r\nb\n')).toEqual([
      [1, ' a'],
      [2, 'b'],
    ]);
  });

  it('end with the upload where the last has no line feed', async () => {
    expect(await splitText('a\nb')).toEqual([
      [1, 'a'],
      [2, 'b'],
    ]);
    expect(await splitText('a\n  ')).toEqual([[1, 'a']]);
  });

  it('are none in an upload without any', async () => {
    for (const pieces of [[], [''], ['\n\n'], ['', '\r', '\n', '']])
      expect(await splitText(...pieces)).toEqual([]);
  });

  it('keep a carriage return before the line feed, which JSON passes over', async () => {
    expect(await splitText('{}\r', '\n{}\r\n')).toEqual([
      [1, '{}\r'],
      [2, '{}\r'],
    ]);
  });

  it('come with the piece that ends them, not later', async () => {
    const groups: number[] = [];
    const pieces = ['a\nb\nc', 'd', '\ne\n', 'f'].map((text) => Buffer.from(text));
    for await (const group of splitLines(stream(pieces))) groups.push(group.length);
    expect(groups).toEqual([2, 2, 1]);
  });
});

describe('a line over 64 KiB', () => {
  const long = (size: number): string => 'x'.repeat(size);

  it('is told by its row, without its octets, and those around it are read', async () => {
    for (const pieces of [
      [`a\n${long(MAX_ROW_OCTETS + 1)}\nb`],
      ['a\n', long(MAX_ROW_OCTETS), 'x', '\nb'],
      ['a\n', ...Array.from({ length: 70 }, () => long(1000)), '\n', 'b'],
      [`a\n${long(3 * MAX_ROW_OCTETS)}`, `${long(5)}\nb\n`],
    ]) {
      expect(await splitText(...pieces)).toEqual([
        [1, 'a'],
        [2, null],
        [3, 'b'],
      ]);
    }
  });

  it('begins one octet after the limit', async () => {
    const [line] = await split([Buffer.from(`${long(MAX_ROW_OCTETS)}\n`)]);
    expect(line?.length).toBe(MAX_ROW_OCTETS);
    expect(await splitText(`${long(MAX_ROW_OCTETS + 1)}\n`)).toEqual([[1, null]]);
    expect(await splitText(long(MAX_ROW_OCTETS + 1))).toEqual([[1, null]]);
  });

  it('of a gigabyte is not kept', async () => {
    const piece = Buffer.alloc(1024 * 1024, 0x78);
    async function* endless(): AsyncGenerator<Uint8Array> {
      for (let i = 0; i < 1024; i++) yield piece;
      yield Buffer.from('\nlast');
    }
    const before = process.memoryUsage();
    const lines: Line[] = [];
    for await (const group of splitLines(endless())) lines.push(...group);
    const after = process.memoryUsage();
    expect(seen(lines)).toEqual([
      [1, null],
      [2, 'last'],
    ]);
    expect(after.arrayBuffers - before.arrayBuffers).toBeLessThan(16 * 1024 * 1024);
  });

  it('of blanks alone is a row all the same: what it was is no longer known', async () => {
    expect(await splitText(' '.repeat(MAX_ROW_OCTETS + 1))).toEqual([[1, null]]);
  });
});
