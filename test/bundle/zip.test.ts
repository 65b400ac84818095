import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { type Entry, fromBuffer } from 'yauzl';
import { type BundleFile, zipFiles } from '../../src/bundle/index.ts';

const modified = new Date('2026-06-01T12:00:00Z');
const files: readonly BundleFile[] = [
  { name: 'client.pem', mode: 0o600, content: Buffer.from('certificate\n'.repeat(100)) },
  { name: 'gateway.url', mode: 0o600, content: Buffer.from('https://gateway.example') },
  { name: 'empty', mode: 0o600, content: new Uint8Array(0) },
];
const zip = (folder = 'device-1', list = files, at = modified): Promise<Buffer> =>
  buffer(zipFiles([{ name: folder, files: list, modified: at }]));

/** What another library reads: names, sizes, modes and octets. */
function readZip(octets: Buffer): Promise<{ entry: Entry; content: Buffer }[]> {
  return new Promise((resolve, reject) => {
    fromBuffer(octets, { lazyEntries: true, strictFileNames: true }, (failure, opened) => {
      if (failure || !opened) return reject(failure);
      const found: { entry: Entry; content: Buffer }[] = [];
      opened.on('error', reject).on('end', () => resolve(found));
      opened.on('entry', (entry: Entry) => {
        opened.openReadStream(entry, async (error, stream) => {
          if (error || !stream) return reject(error);
          found.push({ entry, content: await buffer(stream) });
          opened.readEntry();
        });
      });
      opened.readEntry();
    });
  });
}

interface LocalHeader {
  readonly flags: number;
  readonly crc: number;
  readonly compressed: number;
  readonly size: number;
  readonly name: string;
}

/** The local headers one after the other, as a reader finds them that cannot seek (APPNOTE, 4.3.7). */
function walkLocalHeaders(octets: Buffer): LocalHeader[] {
  const headers: LocalHeader[] = [];
  for (let at = 0; octets.readUInt32LE(at) === 0x04034b50; ) {
    const compressed = octets.readUInt32LE(at + 18);
    const nameLength = octets.readUInt16LE(at + 26);
    headers.push({
      flags: octets.readUInt16LE(at + 6),
      crc: octets.readUInt32LE(at + 14),
      compressed,
      size: octets.readUInt32LE(at + 22),
      name: octets.toString('utf8', at + 30, at + 30 + nameLength),
    });
    at += 30 + nameLength + octets.readUInt16LE(at + 28) + compressed;
  }
  return headers;
}

const folder = mkdtempSync(join(tmpdir(), 'fleetca-zip-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('a bundle as zip', () => {
  it('is read by another library: names under the folder, in order, with their octets and modes', async () => {
    const found = await readZip(await zip());
    expect(found.map(({ entry }) => entry.fileName)).toEqual(files.map(({ name }) => `device-1/${name}`));
    for (const [i, { entry, content }] of found.entries()) {
      expect(Buffer.compare(content, files[i]?.content ?? Buffer.alloc(1))).toBe(0);
      expect(((entry.externalFileAttributes >>> 16) & 0o177777).toString(8)).toBe('100600');
    }
  });

  it('has real sizes and sums in its local headers, and no data descriptors', async () => {
    const octets = await zip();
    const central = await readZip(octets);
    const headers = walkLocalHeaders(octets);
    expect(headers.map(({ name }) => name)).toEqual(files.map(({ name }) => `device-1/${name}`));
    for (const [i, header] of headers.entries()) {
      const entry = central[i]?.entry;
      expect(header.flags & 0x0008).toBe(0);
      expect([header.size, header.compressed, header.crc]).toEqual([
        entry?.uncompressedSize,
        entry?.compressedSize,
        entry?.crc32,
      ]);
      expect(header.size).toBe(files[i]?.content.length);
    }
  });

  it('is the same octets for the same content and time', async () => {
    const one = await zip();
    expect(Buffer.compare(await zip(), one)).toBe(0);
    expect(Buffer.compare(await zip('device-1', files, new Date('2026-06-01T12:00:02Z')), one)).not.toBe(0);
  });

  it('carries its time in UTC: the machine’s time zone is not asked for', async () => {
    const local = ['getFullYear', 'getMonth', 'getDate', 'getHours', 'getMinutes', 'getSeconds'] as const;
    const spies = local.map((getter) => vi.spyOn(Date.prototype, getter).mockReturnValue(7));
    const octets = await zip().finally(() => {
      for (const spy of spies) spy.mockRestore();
    });
    // APPNOTE, 4.4.6: hours, minutes and two-second steps; years since 1980, month and day.
    expect(octets.readUInt16LE(10)).toBe((12 << 11) | (0 << 5) | 0);
    expect(octets.readUInt16LE(12)).toBe((46 << 9) | (6 << 5) | 1);
    expect(Buffer.compare(octets, await zip())).toBe(0);
  });

  it('lies at the root of the archive where no folder is named', async () => {
    expect((await readZip(await zip(''))).map(({ entry }) => entry.fileName)).toEqual(
      files.map(({ name }) => name),
    );
  });

  it('is unpacked by unzip with owner-only modes', async () => {
    const path = join(folder, 'bundle.zip');
    writeFileSync(path, await zip());
    execFileSync('unzip', ['-q', '-d', folder, path]);
    for (const { name, content } of files) {
      const { mode, size } = statSync(join(folder, 'device-1', name));
      expect([name, (mode & 0o777).toString(8), size]).toEqual([name, '600', content.length]);
    }
  });

  it('of nothing is an empty archive', async () => {
    expect(await readZip(await zip('device-1', []))).toEqual([]);
  });
});
