import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gunzip, LIMITS } from '../../../src/batch/index.ts';
import { codeOfPromise } from '../../support/refusal.ts';
import { crumbs, cut, stream } from './octets.ts';

async function expand(...pieces: readonly Uint8Array[]): Promise<Buffer> {
  const all: Uint8Array[] = [];
  for await (const piece of gunzip(stream(...pieces))) all.push(piece);
  return Buffer.concat(all);
}

describe('gzip on the wire', () => {
  it('is expanded, the same wherever its pieces end', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ maxLength: 500 }),
        fc.array(fc.nat(600), { maxLength: 5 }),
        async (octets, places) => {
          const packed = gzipSync(octets);
          const whole = Buffer.from(octets);
          expect(await expand(...cut(packed, places))).toEqual(whole);
          expect(await expand(...crumbs(packed))).toEqual(whole);
        },
      ),
      { numRuns: 40, seed: 6 },
    );
  });

  it('may have several members, as files that were put together have', async () => {
    expect((await expand(Buffer.concat([gzipSync('a\n'), gzipSync('b\n')]))).toString()).toBe('a\nb\n');
  });

  it.each([
    ['is none', Buffer.from('{"csr":""}\n')],
    ['is cut off', gzipSync('x'.repeat(1000)).subarray(0, -5)],
    ['is damaged', Buffer.from(gzipSync('x'.repeat(1000))).fill(0xff, 12, 14)],
    ['is followed by something else', Buffer.concat([gzipSync('a'), Buffer.from('more')])],
    ['is empty', Buffer.alloc(0)],
  ] as const)('that %s is refused', async (_what, octets) => {
    expect(await codeOfPromise(expand(octets))).toBe('bad-lot');
  });

  it('that is a bomb is stopped at 100 to 1, and no more is held than a piece', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024));
    let given = 0;
    let largest = 0;
    const run = async (): Promise<void> => {
      for await (const piece of gunzip(stream(bomb))) {
        given += piece.length;
        largest = Math.max(largest, piece.length);
      }
    };
    expect(await codeOfPromise(run())).toBe('too-large');
    expect(given).toBeLessThanOrEqual(bomb.length * LIMITS.expansion + LIMITS.expansionFreeOctets);
    expect(largest).toBeLessThanOrEqual(64 * 1024);
  });

  it('of a short lot of equal rows is no bomb', async () => {
    const rows = Buffer.from('{"csr":"AAAA"}\n'.repeat(50_000));
    expect((await expand(gzipSync(rows))).length).toBe(rows.length);
  });

  it('passes on what ended the upload', async () => {
    async function* broken(): AsyncGenerator<Uint8Array> {
      yield gzipSync('x'.repeat(1000)).subarray(0, 10);
      throw new Error('ECONNRESET');
    }
    const run = async (): Promise<void> => {
      for await (const _piece of gunzip(broken()));
    };
    await expect(run()).rejects.toThrow('ECONNRESET');
  });
});
