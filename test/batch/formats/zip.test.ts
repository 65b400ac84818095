import { buffer } from 'node:stream/consumers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ZipFile } from 'yazl';
import type { IdSource } from '../../../src/batch/formats/archive-entry.ts';
import { openZip } from '../../../src/batch/formats/zip.ts';
import { LIMITS, readZip } from '../../../src/batch/index.ts';
import { fileOf, type ZipEntry, zipOf } from '../../archive/zip-octets.ts';
import { codeOfPromise } from '../../support/refusal.ts';
import { numbersOf, read } from './octets.ts';

const readOctets = async (octets: Uint8Array, ids: IdSource = 'name') =>
  read(await openZip(fileOf(octets), ids));
const row = (deviceId: string, content: string) => [{ deviceId }, content];

/** A zip by another library. */
function yazlZip(files: Readonly<Record<string, string>>): Promise<Buffer> {
  const zip = new ZipFile();
  for (const [name, content] of Object.entries(files)) zip.addBuffer(Buffer.from(content), name);
  zip.addEmptyDirectory('folder');
  zip.end();
  return buffer(zip.outputStream);
}

describe('a lot as a zip', () => {
  it('gives a row for each file in the order of the directory, stored or deflated, and none for a folder', async () => {
    const lot = zipOf([
      { name: 'b.csr', content: 'one', stored: true },
      { name: 'line/' },
      { name: 'line/a.PEM', content: 'two'.repeat(100) },
      { name: 'gerät.der', content: '' },
    ]);
    expect(await readOctets(lot)).toEqual([row('b', 'one'), row('a', 'two'.repeat(100)), row('gerät', '')]);
    expect(await readOctets(lot, 'cn')).toEqual([
      [{}, 'one'],
      [{}, 'two'.repeat(100)],
      [{}, ''],
    ]);
    expect(await numbersOf(await readZip(fileOf(lot), 'cn'))).toEqual([1, 2, 3]);
  });

  it('is read as another library writes it', async () => {
    expect(await readOctets(await yazlZip({ 'a.csr': 'x'.repeat(2000), 'b/c.csr': 'y' }))).toEqual([
      row('a', 'x'.repeat(2000)),
      row('c', 'y'),
    ]);
  });

  it('is read whatever its files hold', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.uint8Array({ maxLength: 200 }), fc.boolean()), { maxLength: 5 }),
        async (files) => {
          const entries = files.map(([content, stored], i) => ({ name: `${i}.csr`, content, stored }));
          const expected = files.map(([content], i) =>
            row(String(i), Buffer.from(content).toString('latin1')),
          );
          expect(await readOctets(zipOf(entries))).toEqual(expected);
        },
      ),
      { numRuns: 50, seed: 9 },
    );
  });

  it('of nothing has no rows', async () => {
    expect(await readOctets(zipOf([]))).toEqual([]);
  });

  it('of many files costs a reading for many of them, not for each', async () => {
    const file = fileOf(
      zipOf(Array.from({ length: 2000 }, (_, i) => ({ name: `${i}.csr`, content: `request ${i}` }))),
    );
    expect(await read(await openZip(file, 'name'))).toHaveLength(2000);
    expect(file.reads()).toBeLessThan(60);
  });
});

describe('an entry of a zip that is at fault is refused alone:', () => {
  const good = { name: 'good.csr', content: 'good' };
  const link = 0o120777 * 0x10000;
  const device = 0o060600 * 0x10000;
  const cases: readonly [string, ZipEntry, unknown][] = [
    ['a path that leads out', { name: '../x.csr', content: 'x' }, 'bad-row'],
    ['an absolute path', { name: '/x.csr', content: 'x' }, 'bad-row'],
    ['a backslash', { name: '..\\x.csr', content: 'x' }, 'bad-row'],
    [
      'a path that is not UTF-8',
      { name: Buffer.from([0x81, 0x2e, 0x63, 0x73, 0x72]), content: 'x' },
      'bad-row',
    ],
    ['a symbolic link', { name: 'x.csr', content: '/etc/passwd', said: { attributes: link } }, 'bad-row'],
    ['a device', { name: 'x.csr', said: { attributes: device } }, 'bad-row'],
    ['an encrypted file', { name: 'x.csr', content: 'x', said: { flags: 0x801 } }, 'bad-row'],
    ['another compression', { name: 'x.csr', content: 'x', said: { method: 12 } }, 'bad-row'],
    ['a zip within', { name: 'x.zip', content: 'x' }, 'bad-row'],
    ['no request by its name', { name: '__MACOSX/._a', content: 'x' }, 'bad-row'],
    ['the same name in capitals', { name: 'GOOD.csr', content: 'x' }, 'bad-row'],
    ['a folder with octets', { name: 'x.csr/', content: 'x' }, 'bad-row'],
    ['a checksum that does not fit', { name: 'x.csr', content: 'x', said: { crc: 1 } }, ['bad-row', 'x']],
    [
      'a size that is too small',
      { name: 'x.csr', content: 'x'.repeat(500), said: { size: 10 } },
      ['bad-row', 'x'],
    ],
    ['a size that is too large', { name: 'x.csr', content: 'x', said: { size: 10 } }, ['bad-row', 'x']],
    ['a local header of another name', { name: 'x.csr', content: 'x', localName: 'y.csr' }, ['bad-row', 'x']],
    [
      'octets that are no deflate',
      { name: 'x.csr', content: '\xff\xff', stored: true, said: { method: 8 } },
      ['bad-row', 'x'],
    ],
    [
      'over 64 KiB',
      { name: 'x.csr', content: 'x'.repeat(LIMITS.rowOctets + 1), stored: true },
      ['too-large', 'x'],
    ],
  ];
  it.each(cases)('%s', async (_what, bad, code) => {
    expect(await readOctets(zipOf([good, bad, { name: 'after.csr', content: 'a' }]))).toEqual([
      row('good', 'good'),
      code,
      row('after', 'a'),
    ]);
  });

  it('one that its local header lets run into the next', async () => {
    const lot = zipOf([{ name: 'x.csr', content: 'xy', stored: true }, good]);
    // The extra field that is claimed ends where the next entry's header does.
    lot.writeUInt16LE(20, 28);
    expect(await readOctets(lot)).toEqual([['bad-row', 'x'], row('good', 'good')]);
  });

  it('64 KiB exactly are taken', async () => {
    const content = 'x'.repeat(LIMITS.rowOctets);
    const filler = Array.from({ length: 20 }, (_, i) => ({
      name: `${i}.csr`,
      content: `${i}`,
      stored: true,
    }));
    expect((await readOctets(zipOf([{ name: 'x.csr', content, stored: true }, ...filler])))[0]).toEqual(
      row('x', content),
    );
  });
});

describe('a zip that is at fault as a whole is refused before its first row:', () => {
  const entries = [
    { name: 'a.csr', content: 'a'.repeat(50), stored: true },
    { name: 'b.csr', content: 'b'.repeat(50), stored: true },
  ];
  const good = zipOf(entries);
  const expanding = { content: '\0'.repeat(60_000) };
  it.each([
    ['nothing', Buffer.alloc(0), 'bad-lot'],
    ['no zip', Buffer.from('{"csr":"AAAA"}\n'.repeat(100)), 'bad-lot'],
    ['cut off at its end', good.subarray(0, -10), 'bad-lot'],
    ['without its begin', good.subarray(40), 'bad-lot'],
    ['followed by something', Buffer.concat([good, Buffer.from('more')]), 'bad-lot'],
    ['a directory of more entries than there are', zipOf(entries, { count: 3 }), 'bad-lot'],
    ['a directory of more entries than it counts', zipOf(entries, { count: 1 }), 'bad-lot'],
    [
      'two entries with the same octets',
      zipOf(entries.map((one) => ({ ...one, said: { offset: 0 } }))),
      'bad-lot',
    ],
    [
      'entries that overlap',
      zipOf([
        { ...entries[0], name: 'a.csr' },
        { ...entries[1], name: 'b.csr', said: { offset: 20 } },
      ]),
      'bad-lot',
    ],
    [
      'an entry beyond the file',
      zipOf([{ name: 'a.csr', content: 'a', said: { offset: 100_000 } }]),
      'bad-lot',
    ],
    [
      'stored sizes that contradict',
      zipOf([{ name: 'a.csr', content: 'a', stored: true, said: { size: 5 } }]),
      'bad-lot',
    ],
    [
      'a bomb by its sizes',
      zipOf([{ name: 'a.csr', content: 'a', said: { size: 0xffff_fff0 } }]),
      'too-large',
    ],
    [
      'a bomb of many files',
      zipOf(Array.from({ length: 400 }, (_, i) => ({ name: `${i}.csr`, ...expanding }))),
      'too-large',
    ],
  ] as const)('%s', async (_what, octets, code) => {
    expect(await codeOfPromise(openZip(fileOf(octets), 'name'))).toBe(code);
  });

  it('over 100,000 entries, before any of them is read', async () => {
    const end = Buffer.from(zipOf([]));
    // Zip64: the count stands in a record of its own.
    const record = Buffer.alloc(56);
    record.writeUInt32LE(0x06064b50, 0);
    record.writeBigUInt64LE(44n, 4);
    record.writeBigUInt64LE(100_001n, 32);
    const locator = Buffer.alloc(20);
    locator.writeUInt32LE(0x07064b50, 0);
    expect(await codeOfPromise(openZip(fileOf(Buffer.concat([record, locator, end])), 'name'))).toBe(
      'too-large',
    );
  });

  it('any cut of it', async () => {
    for (let size = 0; size < good.length; size++) {
      expect(await codeOfPromise(openZip(fileOf(good.subarray(0, size)), 'name'))).toBe('bad-lot');
    }
  });

  it('an octet that is changed anywhere is a refusal or changes nothing but what a row says', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(good.length - 1), fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const octets = Buffer.from(good);
        octets[at] = (octets[at] as number) ^ flip;
        // Never a defect: what is thrown is a refusal, and the content is checked by its CRC.
        const rows = await openZip(fileOf(octets), 'cn').then(read, (failure) => [failure.code]);
        for (const found of rows) {
          expect([
            JSON.stringify([{}, 'a'.repeat(50)]),
            JSON.stringify([{}, 'b'.repeat(50)]),
            '"bad-row"',
            '"bad-lot"',
            '"too-large"',
            '{"refused":"bad-lot"}',
          ]).toContain(JSON.stringify(found));
        }
      }),
      { numRuns: 500, seed: 10 },
    );
  });

  it('but a disk that cannot be read is no fault of the zip', async () => {
    const file = { size: 1000, read: () => Promise.reject(new Error('EIO')) };
    await expect(openZip(file, 'cn')).rejects.toThrow('EIO');
  });
});
