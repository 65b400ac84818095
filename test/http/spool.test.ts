import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { LIMITS } from '../../src/batch/index.ts';
import { openSpool } from '../../src/http/index.ts';
import { systemRandom } from '../../src/random.ts';
import { codeOfPromise } from '../support/refusal.ts';

const scratch = mkdtempSync(join(tmpdir(), 'fleetca-spool-'));
afterAll(() => rmSync(scratch, { recursive: true }));
let folders = 0;
async function open() {
  const folder = join(scratch, `tmp-${folders++}`);
  return { folder, spool: await openSpool(folder, systemRandom) };
}

async function* upload(...pieces: readonly (string | Error)[]): AsyncGenerator<Uint8Array> {
  for (const piece of pieces) {
    if (piece instanceof Error) throw piece;
    yield Buffer.from(piece);
  }
}

describe('the spool', () => {
  it('gives an upload back from anywhere, and leaves no name on disk meanwhile', async () => {
    const { folder, spool } = await open();
    const file = await spool.take(upload('hello ', 'world'));
    expect(readdirSync(folder)).toEqual([]);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
    expect(file.size).toBe(11);
    expect(Buffer.from(await file.read(6, 3)).toString()).toBe('wor');
    expect(Buffer.from(await file.read(6, 300)).toString()).toBe('world');
    expect((await file.read(11, 5)).length).toBe(0);
    expect((await file.read(1e15, 5)).length).toBe(0);
    await file.close();
  });

  it('clears the folder of what a killed run left, and of nothing else', async () => {
    const folder = join(scratch, 'old');
    mkdirSync(folder, { mode: 0o755 });
    writeFileSync(join(folder, 'lot-0123'), 'left');
    writeFileSync(join(folder, 'other'), 'stays');
    await openSpool(folder, systemRandom);
    expect(readdirSync(folder)).toEqual(['other']);
    expect(statSync(folder).mode & 0o777).toBe(0o700);
  });

  it('holds so many at a time, and takes the next when one was closed', async () => {
    const { spool } = await open();
    const held = await Promise.all(Array.from({ length: LIMITS.zipsAtOnce }, () => spool.take(upload('x'))));
    expect(await codeOfPromise(spool.take(upload('x')))).toBe('busy');
    await held[0]?.close();
    held[0] = await spool.take(upload('y'));
    for (const file of held) await file.close();
  });

  it('lets go of an upload that breaks off', async () => {
    const { spool } = await open();
    for (let i = 0; i <= LIMITS.zipsAtOnce; i++) {
      await expect(spool.take(upload('x', new Error('ECONNRESET')))).rejects.toThrow('ECONNRESET');
    }
  });

  it('whose folder is gone says that it cannot, not that the service is broken', async () => {
    const { folder, spool } = await open();
    rmSync(folder, { recursive: true });
    expect(await codeOfPromise(spool.take(upload('x')))).toBe('storage-unavailable');
  });
});
