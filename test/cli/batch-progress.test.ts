import { Readable } from 'node:stream';
import { describe, expect, it } from 'vitest';
import { issuedSince, statusOfBatch, statusOfRows } from '../../src/cli/commands/batch-record.ts';
import { octetsOf } from '../../src/cli/octets-of.ts';
import { formatSeconds, paceOf, progressLine } from '../../src/cli/pace.ts';
import { spoolLot } from '../../src/cli/spool-lot.ts';

const attempt = {
  number: 1,
  rows: 3,
  issued: 3,
  replayed: 0,
  refused: 0,
  failed: 0,
  startedAt: '',
  endedAt: null,
};
const ended = (state: 'complete' | 'interrupted', counts = {}) =>
  statusOfBatch({ state, attempts: [{ ...attempt, state, ...counts }] });

describe('what became of a batch', () => {
  it('is 0, 1 or 6', () => {
    expect(ended('complete')).toBe(0);
    expect(ended('complete', { refused: 1 })).toBe(1);
    expect(ended('complete', { refused: 1, failed: 1 })).toBe(6);
    expect(ended('interrupted')).toBe(6);
    expect(statusOfRows({ refused: 0, failed: 0 }, 1)).toBe(1);
  });

  it('counts what the attempts of one run issued', () => {
    const attempts = [5, 3, 2].map((issued, i) => ({
      ...attempt,
      state: 'complete' as const,
      number: i + 1,
      issued,
    }));
    expect(issuedSince({ attempts }, 2)).toBe(5);
  });
});

describe('progress', () => {
  it('knows rate and time left from the rows of this run', () => {
    expect(paceOf(1500, 1000, 5, 2000)).toEqual({ rowsPerSecond: 100, secondsLeft: 5 });
    expect(paceOf(1500, 1000, 5, null)).toEqual({ rowsPerSecond: 100, secondsLeft: null });
    expect(paceOf(0, 0, 0, 10)).toEqual({ rowsPerSecond: 0, secondsLeft: null });
    // A folder has at most as many rows as files.
    expect(paceOf(12, 0, 1, 10).secondsLeft).toBe(0);
  });

  it('is one line', () => {
    const counts = { done: 1500, refused: 2 };
    expect(progressLine(counts, 2000, paceOf(1500, 1000, 5, 2000))).toBe(
      '1500 of 2000 rows, 100 rows/s, 2 refused, 5 s left',
    );
    expect(progressLine(counts, null, paceOf(1500, 1000, 5, null))).toBe('1500 rows, 100 rows/s, 2 refused');
    expect([0.2, 200, 7500].map(formatSeconds)).toEqual(['1 s', '3 min 20 s', '2 h 5 min']);
  });
});

describe('a lot from stdin', () => {
  it('can be read again, and only by this user', async () => {
    const handle = await spoolLot(Readable.from([Buffer.from('ab'), Buffer.from('cd')]));
    const { mode, nlink } = await handle.stat();
    expect([mode & 0o777, nlink]).toEqual([0o600, 0]);
    // One reader that leaves midway takes nothing from the next.
    for await (const piece of octetsOf(handle)) {
      expect(piece.length).toBe(4);
      break;
    }
    const pieces: Buffer[] = [];
    for await (const piece of octetsOf(handle)) pieces.push(piece);
    expect(Buffer.concat(pieces).toString()).toBe('abcd');
    await handle.close();
  });

  it('is let go when it is stopped', async () => {
    const stop = new AbortController();
    const taken = spoolLot(new Readable({ read: () => undefined }), stop.signal);
    setTimeout(() => stop.abort(), 10);
    await expect(taken).rejects.toMatchObject({ name: 'AbortError' });
  });
});
