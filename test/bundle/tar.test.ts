import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { afterAll, describe, expect, it } from 'vitest';
import { fromBufferPromise } from 'yauzl';
import { type BundleFolder, tarFolders, zipFolders } from '../../src/bundle/index.ts';

const scratch = mkdtempSync(join(tmpdir(), 'fleetca-tar-'));
afterAll(() => rmSync(scratch, { recursive: true }));

const modified = new Date('2026-06-01T12:00:00Z');
const folderOf = (name: string): BundleFolder => ({
  name,
  modified,
  files: [
    { name: 'client.pem', mode: 0o600, content: Buffer.from(`certificate of ${name}\n`.repeat(50)) },
    { name: 'empty', mode: 0o600, content: new Uint8Array(0) },
    { name: 'block', mode: 0o600, content: Buffer.alloc(512, 0x78) },
  ],
});

async function* folders(...names: readonly string[]): AsyncGenerator<BundleFolder> {
  for (const name of names) yield folderOf(name);
}

const tar = async (...names: readonly string[]): Promise<Buffer> => {
  const all: Uint8Array[] = [];
  for await (const piece of tarFolders(folders(...names))) all.push(piece);
  return Buffer.concat(all);
};

/** 200 octets: the longest name that a device's folder has. */
const LONG = `d${'0123456789'.repeat(19)}-end-long`;

describe('a tar of folders', () => {
  it('is unpacked by GNU tar with names, modes, times and octets as they were given', async () => {
    const octets = await tar('device-1', LONG, '~1f');
    execFileSync('tar', ['-C', scratch, '-xpf', '-'], { input: octets });
    for (const name of ['device-1', LONG, '~1f']) {
      expect(statSync(join(scratch, name)).mode & 0o7777).toBe(0o700);
      for (const file of folderOf(name).files) {
        const path = join(scratch, name, file.name);
        expect(readFileSync(path)).toEqual(Buffer.from(file.content));
        expect(statSync(path).mode & 0o7777).toBe(0o600);
        expect(statSync(path).mtime).toEqual(modified);
      }
    }
    expect(octets.length % 512).toBe(0);
  });

  it('of the same folders is the same octets, and of none is an empty tar', async () => {
    expect(await tar('a', 'b')).toEqual(await tar('a', 'b'));
    expect(await tar()).toEqual(Buffer.alloc(1024));
  });

  it('asks for a folder when its reader takes one', async () => {
    let asked = 0;
    async function* counted(): AsyncGenerator<BundleFolder> {
      for (;;) {
        asked++;
        yield folderOf(`device-${asked}`);
      }
    }
    const pieces = tarFolders(counted());
    await pieces.next();
    await pieces.next();
    expect(asked).toBe(2);
    await pieces.return(undefined);
  });
});

describe('a zip of folders', () => {
  it('holds each folder, and nothing but them', async () => {
    const zip = await fromBufferPromise(await buffer(zipFolders(folders('a', 'b'))));
    const found: [string, Buffer][] = [];
    for await (const entry of zip.eachEntry()) {
      found.push([entry.fileName, await buffer(await zip.openReadStreamPromise(entry))]);
    }
    const due = ['a', 'b'].flatMap((name) =>
      folderOf(name).files.map((file) => [`${name}/${file.name}`, Buffer.from(file.content)]),
    );
    expect(found).toEqual(due);
  });

  it('ends with what ended the folders', async () => {
    async function* broken(): AsyncGenerator<BundleFolder> {
      yield folderOf('a');
      throw new Error('the store is gone');
    }
    await expect(buffer(zipFolders(broken()))).rejects.toThrow('the store is gone');
  });
});
