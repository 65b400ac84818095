import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import type { IdSource } from '../../../src/batch/formats/archive-entry.ts';
import { readTar } from '../../../src/batch/formats/tar.ts';
import { LIMITS, readLot } from '../../../src/batch/index.ts';
import { crumbs, cut, read, refused, stream } from './octets.ts';
import { END, entry, pax, tarOf } from './tar-octets.ts';

const folder = mkdtempSync(join(tmpdir(), 'fleetca-tar-'));
afterAll(() => rmSync(folder, { recursive: true }));

const readOctets = (octets: Uint8Array, ids: IdSource = 'name') => read(readTar(stream(octets), ids));
const row = (deviceId: string, content: string) => [{ deviceId }, content];

/** A tar by the system's program. */
function systemTar(files: Readonly<Record<string, string>>, ...options: readonly string[]): Buffer {
  const root = mkdtempSync(join(folder, 'in-'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(root, path)), { recursive: true });
    writeFileSync(join(root, path), content);
  }
  return execFileSync('tar', ['-C', root, ...options, '-cf', '-', '.'], { maxBuffer: 64 * 1024 * 1024 });
}

const LONG = 'd'.repeat(120);

describe('a lot as a tar', () => {
  it.each(['v7', 'ustar', 'gnu', 'pax', 'oldgnu'])('of the form %s, as GNU tar writes it', async (format) => {
    const long = ['gnu', 'pax', 'oldgnu'].includes(format) ? { [`${LONG}.csr`]: 'long' } : {};
    const octets = systemTar(
      { 'a.csr': 'one', 'sub/b.pem': 'two', ...long },
      `--format=${format}`,
      '--sort=name',
    );
    const rows = (await readOctets(octets)) as [{ deviceId: string }, string][];
    expect(Object.fromEntries(rows.map(([{ deviceId }, content]) => [deviceId, content]))).toEqual({
      a: 'one',
      b: 'two',
      ...(long[`${LONG}.csr`] === undefined ? {} : { [LONG]: 'long' }),
    });
  });

  it('gives a row no device ID where that is read from the CN', async () => {
    expect(await readOctets(tarOf({ name: 'whatever.csr', content: 'x' }), 'cn')).toEqual([[{}, 'x']]);
  });

  it('takes the device ID from the name without folder and last extension, in UTF-8', async () => {
    const lot = tarOf(
      { name: './line/dev.1.csr', content: '1' },
      { name: 'gerät.P10', content: '2' },
      { name: 'c.req', prefix: 'deep/er', content: '3' },
    );
    expect(await readOctets(lot)).toEqual([row('dev.1', '1'), row('gerät', '2'), row('c', '3')]);
  });

  it('passes over folders and comments, and reads names and sizes that stand before', async () => {
    const lot = tarOf(
      { name: 'pax_global_header', type: 'g', content: pax('comment', 'x') },
      { name: 'folder/', type: '5' },
      { name: 'old-folder/' },
      { name: 'x', type: 'x', content: pax('mtime', '1.5') + pax('path', 'pax.csr') },
      { name: 'short', content: '1' },
      { name: '././@LongLink', type: 'L', content: `${LONG}.der\0` },
      { name: 'short', content: '2' },
      { name: 'plain.csr', content: '3' },
    );
    expect(await readOctets(lot)).toEqual([row('pax', '1'), row(LONG, '2'), row('plain', '3')]);
  });

  it('is the same wherever its pieces end, compressed or not', async () => {
    const lot = systemTar(
      { 'a.csr': 'x'.repeat(513), 'b.csr': '', [`${LONG}.csr`]: 'y'.repeat(512) },
      '--sort=name',
    );
    const whole = await readOctets(lot);
    expect(whole).toHaveLength(3);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.nat(lot.length), { maxLength: 12 }), async (places) => {
        expect(await read(readTar(stream(...cut(lot, places)), 'name'))).toEqual(whole);
        expect(await read(readLot('tar-gz', stream(...cut(gzipSync(lot), places)), 'name'))).toEqual(whole);
      }),
      { numRuns: 50, seed: 7 },
    );
    expect(await read(readTar(stream(...crumbs(lot)), 'name'))).toEqual(whole);
  });

  it('of nothing has no rows', async () => {
    expect(await readOctets(END)).toEqual([]);
  });

  it('is told row by row as its files come', async () => {
    const groups: number[] = [];
    const lot = [entry({ name: 'a.csr', content: '1' }), entry({ name: 'b.csr', content: '2' }), END];
    for await (const group of readTar(stream(...lot), 'name')) groups.push(group.length);
    expect(groups).toEqual([1, 1]);
  });
});

describe('an entry of a tar that is at fault is refused alone:', () => {
  const good = { name: 'good.csr', content: 'good' };
  it.each([
    ['a path that leads out', { name: '../out.csr', content: 'x' }, 'bad-row'],
    ['one that leads out amid', { name: 'a/../../out.csr', content: 'x' }, 'bad-row'],
    ['an absolute path', { name: '/etc/x.csr', content: 'x' }, 'bad-row'],
    ['a path with a drive', { name: 'C:x.csr', content: 'x' }, 'bad-row'],
    ['a backslash', { name: 'a\\b.csr', content: 'x' }, 'bad-row'],
    ['a control character', { name: 'a\nb.csr', content: 'x' }, 'bad-row'],
    [
      'a path that is not UTF-8',
      { name: Buffer.from([0xff, 0x2e, 0x63, 0x73, 0x72]), content: 'x' },
      'bad-row',
    ],
    ['a symbolic link', { name: 'link.csr', type: '2' }, 'bad-row'],
    ['a hard link', { name: 'hard.csr', type: '1' }, 'bad-row'],
    ['a device', { name: 'null.csr', type: '3' }, 'bad-row'],
    ['a pipe', { name: 'pipe.csr', type: '6' }, 'bad-row'],
    ['an unknown kind', { name: 'z.csr', type: 'Z' }, 'bad-row'],
    ['an archive within', { name: 'more.tar', content: 'x' }, 'bad-row'],
    ['a compressed archive within', { name: 'more.tar.gz', content: 'x' }, 'bad-row'],
    ['a file that is no request by its name', { name: 'readme.txt', content: 'x' }, 'bad-row'],
    ['a key', { name: 'dev.key', content: 'x' }, 'bad-row'],
    ['a name of an extension alone', { name: '.csr', content: 'x' }, 'bad-row'],
    ['the same name', { name: 'good.csr', content: 'x' }, 'bad-row'],
    ['the same name in capitals', { name: 'GOOD.CSR', content: 'x' }, 'bad-row'],
    ['the same name with a dot before', { name: './good.csr', content: 'x' }, 'bad-row'],
  ] as const)('%s', async (_what, bad, code) => {
    expect(await readOctets(tarOf(good, bad, { name: 'after.csr', content: 'a' }))).toEqual([
      row('good', 'good'),
      code,
      row('after', 'a'),
    ]);
  });

  it('a file over 64 KiB, of which nothing is kept', async () => {
    const most = 'x'.repeat(LIMITS.rowOctets);
    const lot = tarOf({ name: 'a.csr', content: most }, { name: 'b.csr', content: `${most}x` }, good);
    expect(await readOctets(lot)).toEqual([row('a', most), ['too-large', 'b'], row('good', 'good')]);
  });

  it('a file of two gigabytes, with memory flat', async () => {
    const piece = Buffer.alloc(1024 * 1024, 0x78);
    async function* lot(): AsyncGenerator<Uint8Array> {
      yield entry({ name: 'big.csr', size: 2 * 1024 * piece.length }).subarray(0, 512);
      for (let i = 0; i < 2 * 1024; i++) yield piece;
      yield tarOf(good);
    }
    const before = process.memoryUsage().arrayBuffers;
    expect(await read(readTar(lot(), 'name'))).toEqual([['too-large', 'big'], row('good', 'good')]);
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(16 * 1024 * 1024);
  });
});

describe('a tar that is at fault as a whole is refused, after the rows before the fault:', () => {
  const good = entry({ name: 'good.csr', content: 'good' });
  const one = entry({ name: 'a.csr', content: 'a'.repeat(600) });
  it.each([
    ['cut off in a header', one.subarray(0, 300)],
    ['cut off in a file', one.subarray(0, 700)],
    ['cut off after a file, before its end', one],
    ['followed by a second tar', Buffer.concat([END, one, END])],
    ['a header that does not fit its checksum', Buffer.concat([entry({ name: 'a.csr', off: 1 }), END])],
    ['not a tar', Buffer.from('{"csr":"AAAA"}\n'.repeat(100))],
    ['a size that is no number', Buffer.concat([entry({ name: 'a.csr', size: '0000000009x\0' }), END])],
    ['a size beyond all', Buffer.concat([entry({ name: 'a.csr', size: '\xff'.repeat(12) }), END])],
    ['octets for a link', tarOf({ name: 'l.csr', type: '2', content: 'x' })],
    ['octets for a folder', tarOf({ name: 'f/', type: '5', content: 'x' })],
    ['a sparse file of GNU', tarOf({ name: 's.csr', type: 'S', content: 'x' })],
    [
      'a sparse file of pax',
      tarOf({ name: 'x', type: 'x', content: pax('GNU.sparse.major', '1') }, { name: 's.csr' }),
    ],
    [
      'an extended header without sense',
      tarOf({ name: 'x', type: 'x', content: '-5 path=x\n' }, { name: 's.csr' }),
    ],
    [
      'an extended header that lies',
      tarOf({ name: 'x', type: 'x', content: '99 path=x\n' }, { name: 's.csr' }),
    ],
    ['an extended header without end', tarOf({ name: 'x', type: 'x', content: '1' }, { name: 's.csr' })],
    [
      'a size of pax that is none',
      tarOf({ name: 'x', type: 'x', content: pax('size', '-1') }, { name: 's.csr' }),
    ],
    [
      'an extended header over 64 KiB',
      tarOf({ name: 'x', type: 'x', content: pax('comment', 'x'.repeat(70_000)) }),
    ],
    ['a long name over 64 KiB', tarOf({ name: 'x', type: 'L', size: 0o7777777777 })],
  ] as const)('%s', async (_what, rest) => {
    const rows = await readOctets(Buffer.concat([good, rest]));
    expect(rows.slice(0, 1)).toEqual([row('good', 'good')]);
    expect(rows.at(-1)).toEqual(refused('bad-lot'));
    // None of what is at fault became a request.
    for (const found of rows.slice(1, -1)) expect(found).toEqual(row('a', 'a'.repeat(600)));
  });

  it('any bit of a header changed is refused', async () => {
    const outsideChecksum = fc.nat(511).filter((at) => at < 148 || at > 155);
    await fc.assert(
      fc.asyncProperty(outsideChecksum, fc.integer({ min: 1, max: 255 }), async (at, flip) => {
        const lot = Buffer.concat([good, END]);
        lot[at] = (lot[at] as number) ^ flip;
        expect((await readOctets(lot)).at(-1)).toEqual(refused('bad-lot'));
      }),
      { numRuns: 200, seed: 8 },
    );
  });

  it('a bomb in tar.gz stops at the ratio', async () => {
    const bomb = gzipSync(
      Buffer.concat([good, entry({ name: 'b.csr', content: Buffer.alloc(64 * 1024 * 1024) }), END]),
    );
    const rows = await read(readLot('tar-gz', stream(bomb), 'name'));
    expect(rows).toEqual([row('good', 'good'), refused('too-large')]);
  });
});
