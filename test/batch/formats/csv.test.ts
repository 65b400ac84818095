import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { readCsv } from '../../../src/batch/formats/csv.ts';
import { LIMITS } from '../../../src/batch/index.ts';
import { crumbs, cut, read, refused, stream } from './octets.ts';

const readText = (...pieces: readonly (string | Uint8Array)[]) => read(readCsv(stream(...pieces)));

describe('a lot as CSV', () => {
  it('gives a row the fields of its cells: empty ones are absent, labels have columns of their own', async () => {
    const text = [
      'deviceId,csr,profile,notAfter,supersede,label:line,label:shift',
      'dev-1,AAAA,device,2030-01-01T00:00:00Z,set up anew,7,night',
      ',BBBB,,,,,',
      '"dev,3","-----BEGIN\r\nX\n-----END",,,"a ""new"" key",,day',
    ].join('\r\n');
    expect(await readText(text)).toEqual([
      {
        deviceId: 'dev-1',
        csr: 'AAAA',
        profile: 'device',
        notAfter: '2030-01-01T00:00:00Z',
        supersede: { reason: 'set up anew' },
        labels: { line: '7', shift: 'night' },
      },
      { csr: 'BBBB' },
      {
        deviceId: 'dev,3',
        csr: '-----BEGIN\r\nX\n-----END',
        supersede: { reason: 'a "new" key' },
        labels: { shift: 'day' },
      },
    ]);
  });

  it('is the same wherever its pieces end', async () => {
    const cell = fc
      .string({ unit: fc.constantFrom('a', 'é', ',', '"', '\n', '\r\n', ' ', '='), maxLength: 8 })
      .map((text) => ({ text, written: `"${text.replaceAll('"', '""')}"` }));
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(cell, cell), { maxLength: 6 }),
        fc.array(fc.nat(400), { maxLength: 8 }),
        fc.constantFrom('\n', '\r\n'),
        async (rows, places, end) => {
          const text = ['csr,label:x', ...rows.map(([a, b]) => `${a.written},${b.written}`)].join(end);
          const expected = rows.map(([a, b]) => {
            if (a.text === '') return 'bad-row';
            return { csr: a.text, ...(b.text === '' ? {} : { labels: { x: b.text } }) };
          });
          const octets = Buffer.from(text);
          expect(await readText(octets)).toEqual(expected);
          expect(await readText(...cut(octets, places))).toEqual(expected);
          expect(await readText(...crumbs(octets))).toEqual(expected);
        },
      ),
      { numRuns: 100, seed: 5 },
    );
  });

  it('may begin with a byte order mark, and blank lines are no rows', async () => {
    expect(await readText('\uFEFFcsr\r\n\r\nA\n\n \nB')).toEqual([{ csr: 'A' }, { csr: 'B' }]);
  });

  it('keeps a label that is called like a part of every object', async () => {
    const [row] = (await readText('csr,label:constructor\nA,x')) as { labels: object }[];
    expect(Object.entries(row?.labels ?? {})).toEqual([['constructor', 'x']]);
  });
});

describe('a row of a CSV that is at fault is refused alone:', () => {
  it.each([
    ['too few cells', 'A'],
    ['too many cells', 'A,b,c'],
    ['no csr', ',b'],
    ['a quote in a plain cell', 'A"B,c'],
    ['something after a closing quote', '"A"x,c'],
    ['not UTF-8', Buffer.from([0x41, 0x2c, 0xff])],
  ] as const)('%s', async (_what, row) => {
    const lot = Buffer.concat(['csr,label:x\nONE,1\n', row, '\nTWO,2\n'].map((part) => Buffer.from(part)));
    expect(await readText(lot)).toEqual([
      { csr: 'ONE', labels: { x: '1' } },
      'bad-row',
      { csr: 'TWO', labels: { x: '2' } },
    ]);
  });

  it('over 64 KiB, also in quotes and over lines', async () => {
    const long = `"${'x\n'.repeat(LIMITS.rowOctets / 2)}"`;
    expect(await readText(`csr\nA\n${long}\nB\n`)).toEqual([{ csr: 'A' }, 'too-large', { csr: 'B' }]);
  });

  it('a private key in a cell', async () => {
    const key = '-----BEGIN PRIVATE KEY-----\nMIG\n-----END PRIVATE KEY-----';
    expect(await readText(`csr,label:x\nA,"${key}"\n`)).toEqual(['bad-pem']);
  });
});

describe('a CSV that is at fault as a whole is refused:', () => {
  it.each([
    ['nothing at all', '', 'bad-lot'],
    ['no csr column', 'deviceId\ndev-1\n', 'bad-lot'],
    ['a column that is not known', 'csr,serial\nA,1\n', 'bad-lot'],
    ['another separator', 'deviceId;csr\ndev-1;A\n', 'bad-lot'],
    ['a column twice', 'csr,csr\nA,B\n', 'bad-lot'],
    ['a label that none can have', 'csr,label:__proto__\nA,B\n', 'bad-lot'],
    ['UTF-16', Buffer.from('\uFEFFcsr\nA\n', 'utf16le'), 'bad-lot'],
    ['a header that is not as CSV has it', 'csr,"x"y\nA,B\n', 'bad-lot'],
    ['65 columns', `csr,${Array.from({ length: 64 }, (_, i) => `label:x${i}`).join(',')}\n`, 'too-large'],
    ['a header over 64 KiB', `csr,${'x'.repeat(70_000)}\n`, 'too-large'],
    [
      'a private key in its header',
      '"-----BEGIN PRIVATE KEY-----\nMIG\n-----END PRIVATE KEY-----"\n',
      'bad-pem',
    ],
  ] as const)('%s', async (_what, lot, code) => {
    expect(await readText(lot)).toEqual([refused(code)]);
  });

  it('a quote that is not closed, after the rows before it', async () => {
    expect(await readText('csr\nA\n"B\nC\n')).toEqual([{ csr: 'A' }, refused('bad-lot')]);
  });

  it('64 columns are taken', async () => {
    const header = `csr,${Array.from({ length: 63 }, (_, i) => `label:x${i}`).join(',')}`;
    expect(await readText(`${header}\nA${','.repeat(63)}\n`)).toEqual([{ csr: 'A' }]);
  });
});
