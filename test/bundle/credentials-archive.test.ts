import { crc32, deflateRawSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fileInMemory } from '../../src/archive/index.ts';
import { readCredentials } from '../../src/bundle/index.ts';
import { type ZipEntry, zipOf } from '../archive/zip-octets.ts';
import { codeOfPromise, refusalOfPromise } from '../support/refusal.ts';

const url: ZipEntry = { name: 'autoprov.url', content: 'https://gateway.example' };
const read = (octets: Uint8Array) => readCredentials(fileInMemory(octets));
const refusal = async (octets: Uint8Array) => {
  const found = await refusalOfPromise(read(octets));
  return `${found?.code}: ${found?.message}`;
};

describe('an archive of credentials', () => {
  it('gives its files in order, DEFLATE and STORED, with what they hold', async () => {
    const files = await read(
      zipOf([url, { name: 'tufrepo.url', content: 'https://repo.example', stored: true }]),
    );
    expect(files.map(({ name, content }) => [name, Buffer.from(content ?? []).toString()])).toEqual([
      ['autoprov.url', 'https://gateway.example'],
      ['tufrepo.url', 'https://repo.example'],
    ]);
  });

  it('passes over folders, and does not read what no tool reads', async () => {
    const entries = [url, { name: 'notes/' }, { name: 'notes/readme.txt', content: 'x'.repeat(1000) }];
    const files = await read(zipOf(entries));
    expect(files.map(({ name, octets, content }) => [name, octets, content === null])).toEqual([
      ['autoprov.url', 23, false],
      ['notes/readme.txt', 1000, true],
    ]);
  });

  it('tells where the sizes stand behind the octets', async () => {
    const [first] = await read(zipOf([{ ...url, said: { flags: 0x808 } }]));
    expect(first?.sizesFollow).toBe(true);
    expect((await read(zipOf([url])))[0]?.sizesFollow).toBe(false);
  });
});

const MEBIBYTE = 1024 * 1024;
const content = 'https://gateway.example';

describe('a hostile zip is refused:', () => {
  it.each<[string, readonly ZipEntry[], RegExp]>([
    ['an encrypted entry', [{ ...url, said: { flags: 0x801 } }], /"autoprov.url" .*encrypted/],
    ['a link', [{ ...url, said: { attributes: 0xa1ff_0000 } }], /"autoprov.url" .*link/],
    ['a device node', [{ ...url, said: { attributes: 0x2000_0000 } }], /"autoprov.url" .*device/],
    ['another compression', [{ ...url, said: { method: 12 } }], /"autoprov.url" .*compressed/],
    ['a size that is too small', [{ ...url, said: { size: 5 } }], /"autoprov.url" /],
    ['a size that is too large', [{ ...url, said: { size: 50 } }], /"autoprov.url" .*size/],
    [
      'a checksum of something else',
      [{ ...url, said: { crc: crc32('other') } }],
      /"autoprov.url" .*checksum/,
    ],
    ['a name twice', [url, { ...url, content: 'https://other.example' }], /"autoprov.url" twice/],
    ['a name twice, of no meaning', [url, { name: 'a' }, { name: 'a' }], /"a" twice/],
    ['a path that leads out', [url, { name: '../autoprov.url', content }], /leads out/],
    ['a path in the middle that leads out', [{ name: 'a/../../b', content }], /leads out/],
    ['an absolute path', [{ name: '/etc/passwd', content }], /is absolute/],
    ['a path of Windows', [{ name: 'C:\\autoprov.url', content }], /backslash/],
    ['a path with a control character', [{ name: 'autoprov.url\n', content }], /control/],
    ['a name that is not UTF-8', [{ name: Buffer.of(0xff, 0xfe), content }], /UTF-8/],
    ['a size in the local header alone', [{ ...url, saidLocally: { size: 5 } }], /"autoprov.url" /],
    ['a length in the local header alone', [{ ...url, saidLocally: { compressed: 5 } }], /"autoprov.url" /],
    ['a checksum in the local header alone', [{ ...url, saidLocally: { crc: 1 } }], /"autoprov.url" /],
    ['encryption in the local header alone', [{ ...url, saidLocally: { flags: 0x801 } }], /"autoprov.url" /],
    ['another name in the local header', [{ ...url, localName: 'tufrepo.url.' }], /"autoprov.url" /],
  ])('%s', async (_, entries, says) => {
    const said = await refusal(zipOf(entries));
    expect(said).toMatch(/^bad-credentials: /);
    expect(said).toMatch(says);
  });

  it('a bomb, before anything is expanded', async () => {
    const bomb = { name: 'treehub.json', content: Buffer.alloc(32 * MEBIBYTE) };
    expect(await codeOfPromise(read(zipOf([url, bomb])))).toBe('too-large');
  });

  it('a bomb that lies about its size', async () => {
    const zeros = deflateRawSync(Buffer.alloc(8 * MEBIBYTE));
    const lying = zipOf([{ name: 'treehub.json', content: Buffer.alloc(8 * MEBIBYTE), said: { size: 100 } }]);
    expect(lying.length).toBeLessThan(zeros.length + 500);
    expect(await refusal(lying)).toMatch(/^bad-credentials: "treehub.json"/);
  });

  it('an entry of over a mebibyte that is read', async () => {
    const large = { name: 'root.json', content: Buffer.alloc(MEBIBYTE + 1, 'ab'), stored: true };
    expect(await refusal(zipOf([large]))).toMatch(/^bad-credentials: "root.json".*KiB/);
  });

  it('too many entries', async () => {
    const many = Array.from({ length: 257 }, (_, i) => ({ name: `file-${i}` }));
    expect(await codeOfPromise(read(zipOf(many)))).toBe('too-large');
    expect(await codeOfPromise(read(zipOf(many.slice(1))))).toBe('taken');
  });

  it('entries that overlap', async () => {
    const second = { name: 'tufrepo.url', content, said: { offset: 10 } };
    expect(await refusal(zipOf([url, second]))).toMatch(/^bad-credentials: .*overlap/);
  });

  it('entries that are not counted', async () => {
    const two = zipOf([url, { name: 'tufrepo.url', content }], { count: 1 });
    expect(await codeOfPromise(read(two))).toBe('bad-credentials');
  });

  it('zip64', async () => {
    expect(await refusal(asZip64(zipOf([url])))).toMatch(/^bad-credentials: .*zip64/);
  });

  it('of over 16 MiB', async () => {
    expect(await codeOfPromise(read(new Uint8Array(16 * MEBIBYTE + 1)))).toBe('too-large');
  });

  it('that is cut off anywhere, or is none', async () => {
    const whole = zipOf([url]);
    for (let length = 0; length < whole.length; length++) {
      expect(await codeOfPromise(read(whole.subarray(0, length)))).toBe('bad-credentials');
    }
  });

  it('with any octets changed: refused, or read as what it says; no other failure', async () => {
    const whole = zipOf([url, { name: 'server_ca.pem', content: 'x' }]);
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: whole.length - 1 }), fc.nat({ max: 255 }), async (at, octet) => {
        const changed = Buffer.from(whole);
        changed[at] = octet;
        expect(['taken', 'bad-credentials', 'too-large']).toContain(await codeOfPromise(read(changed)));
      }),
      { numRuns: 300 },
    );
  });
});

/** The same zip with the end of its directory in both forms. */
function asZip64(zip: Buffer): Buffer {
  const end = zip.subarray(-22);
  const before = zip.subarray(0, -22);
  const record = Buffer.alloc(56);
  record.writeUInt32LE(0x06064b50, 0);
  record.writeBigUInt64LE(44n, 4);
  record.writeUInt16LE(45, 12);
  record.writeUInt16LE(45, 14);
  record.writeBigUInt64LE(BigInt(end.readUInt16LE(8)), 24);
  record.writeBigUInt64LE(BigInt(end.readUInt16LE(10)), 32);
  record.writeBigUInt64LE(BigInt(end.readUInt32LE(12)), 40);
  record.writeBigUInt64LE(BigInt(end.readUInt32LE(16)), 48);
  const locator = Buffer.alloc(20);
  locator.writeUInt32LE(0x07064b50, 0);
  locator.writeBigUInt64LE(BigInt(before.length), 8);
  locator.writeUInt32LE(1, 16);
  return Buffer.concat([before, record, locator, end]);
}
