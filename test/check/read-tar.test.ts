import { gzipSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { isTar, readTarBundle } from '../../src/check/index.ts';
import { pax, type TarEntry, tarOf } from '../batch/formats/tar-octets.ts';
import { codeOf } from '../support/refusal.ts';

const LIMITS = { files: 2, fileOctets: 1000, octets: 1500 };
const file = (name: string, content = 'x', more: Partial<TarEntry> = {}): TarEntry => ({
  name,
  content,
  ...more,
});
const long = `${'d/'.repeat(60)}client.pem`;

describe('a bundle as a tar', () => {
  it('is read with modes and paths, folders passed over, gzip or not', () => {
    const tar = tarOf({ name: './d/', type: '5' }, file('./d/client.pem', 'one'), file('d/pkey.pem', 'two'));
    for (const octets of [tar, gzipSync(tar)]) {
      expect(isTar(octets)).toBe(true);
      const read = readTarBundle(octets);
      expect(read.map(({ path, mode }) => [path, mode])).toEqual([
        ['d/client.pem', 0o600],
        ['d/pkey.pem', 0o600],
      ]);
      expect(Buffer.from(read[0]?.content ?? []).toString()).toBe('one');
    }
  });

  it('has the long names of pax and of GNU', () => {
    const record = pax('path', long);
    for (const before of [
      { name: 'pax', type: 'x', content: record },
      { name: '././@LongLink', type: 'L', content: `${long}\0` },
    ])
      expect(readTarBundle(tarOf(before, file('short')))[0]?.path).toBe(long);
  });

  it.each([
    ['cut off', tarOf(file('a')).subarray(0, 700), 'bad-request'],
    ['without its end', tarOf(file('a')).subarray(0, 1024), 'bad-request'],
    ['a damaged header', tarOf(file('a', 'x', { off: 1 })), 'bad-request'],
    ['a link', tarOf({ name: 'pkey.pem', type: '2' }), 'bad-request'],
    ['a path that leads out', tarOf(file('../a')), 'bad-request'],
    ['an absolute path', tarOf(file('/etc/passwd')), 'bad-request'],
    ['a damaged gzip', gzipSync(tarOf(file('a'))).subarray(0, 30), 'bad-request'],
    ['a file too large', tarOf(file('a', 'x'.repeat(1001))), 'too-large'],
    ['too many files', tarOf(file('a'), file('b'), file('c')), 'too-large'],
    ['a gzip that unpacks to more than that', gzipSync(Buffer.alloc(1024 * 1024)), 'too-large'],
  ])('is refused: %s', (_, octets, code) => {
    expect(codeOf(() => readTarBundle(octets, LIMITS))).toBe(code);
  });
});
