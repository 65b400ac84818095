import { describe, expect, it } from 'vitest';
import { SeenNames } from '../../../src/batch/formats/seen-names.ts';
import { LIMITS, readLot } from '../../../src/batch/index.ts';
import { numberRows, tooLongRow } from '../../../src/batch/row.ts';
import { numbersOf, read, refused, stream } from './octets.ts';

describe('the rows of a lot', () => {
  it('are numbered from 1 over all groups, in every form', async () => {
    expect(await numbersOf(readLot('ndjson', stream('{}\n{}\n', '\n{}'), 'cn'))).toEqual([1, 2, 3]);
    expect(await numbersOf(readLot('csv', stream('csr\nA\n', 'B\nC'), 'cn'))).toEqual([1, 2, 3]);
  });

  it('end at the limit: those before it stand, and the lot is refused', async () => {
    async function* groups() {
      for (;;) yield [tooLongRow(), tooLongRow()];
    }
    expect(await read(numberRows(groups(), 3))).toEqual([
      ...Array(3).fill('too-large'),
      refused('too-large'),
    ]);
  });
});

describe('empty lines', () => {
  const blanks = Buffer.from('\n'.repeat(50_000));
  async function* many(count: number): AsyncGenerator<Uint8Array> {
    yield Buffer.from('{"n":1}\n');
    for (let sent = 0; sent < count; sent += blanks.length) yield blanks;
    yield Buffer.from('{"n":2}\n');
  }

  it('are passed over, a million of them', async () => {
    expect(await read(readLot('ndjson', many(LIMITS.blankRows), 'cn'))).toEqual([{ n: 1 }, { n: 2 }]);
  });

  it('beyond a million end the lot', async () => {
    const lot = many(LIMITS.blankRows + 1);
    expect(await read(readLot('ndjson', lot, 'cn'))).toEqual([{ n: 1 }, refused('too-large')]);
  });
});

describe('names that were seen', () => {
  it('are known again, among many', () => {
    const seen = new SeenNames();
    for (let i = 0; i < 5000; i++) expect(seen.add(`name-${i}`)).toBe(true);
    for (let i = 0; i < 5000; i++) expect(seen.add(`name-${i}`)).toBe(false);
    expect(seen.count).toBe(5000);
  });
});
