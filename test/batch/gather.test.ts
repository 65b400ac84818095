import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gather } from '../../src/batch/gather.ts';
import type { Clock } from '../../src/clock.ts';

/** Groups that arrive when they are pushed. */
function source<T>() {
  const queue: T[][] = [];
  let wake: () => void = () => undefined;
  let ended: 'no' | 'yes' | Error = 'no';
  async function* groups(): AsyncGenerator<readonly T[]> {
    for (;;) {
      const next = queue.shift();
      if (next) yield next;
      else if (ended instanceof Error) throw ended;
      else if (ended === 'yes') return;
      else
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
    }
  }
  const end = (how: 'yes' | Error): void => {
    ended = how;
    wake();
  };
  return {
    groups: groups(),
    push: (...items: T[]) => {
      queue.push(items);
      wake();
    },
    end: () => end('yes'),
    fail: (error: Error) => end(error),
  };
}

/** A clock whose sleepers wake when told. */
function idleClock(): Clock & { elapse(): void; readonly sleeping: number } {
  let sleepers: (() => void)[] = [];
  return {
    now: () => new Date(0),
    sleep: () => new Promise<void>((resolve) => sleepers.push(resolve)),
    elapse: () => {
      for (const wake of sleepers) wake();
      sleepers = [];
    },
    get sleeping() {
      return sleepers.length;
    },
  };
}

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function collect<T>(chunks: AsyncIterable<readonly T[]>): Promise<(readonly T[])[]> {
  const all: (readonly T[])[] = [];
  for await (const chunk of chunks) all.push(chunk);
  return all;
}

describe('gathering', () => {
  it('keeps every item and its order, in chunks of at most the size, all but the last full where nothing pauses', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(fc.nat(), { maxLength: 30 })),
        fc.integer({ min: 1, max: 16 }),
        async (groups, size) => {
          const { groups: arriving, push, end } = source<number>();
          for (const group of groups) push(...group);
          end();
          const chunks = await collect(gather(arriving, size, idleClock()));
          expect(chunks.flat()).toEqual(groups.flat());
          expect(chunks.slice(0, -1).every((chunk) => chunk.length === size)).toBe(true);
          expect(chunks.every((chunk) => chunk.length > 0 && chunk.length <= size)).toBe(true);
        },
      ),
      { numRuns: 100, seed: 4 },
    );
  });

  it('hands on what it has when nothing more comes, and not before', async () => {
    const clock = idleClock();
    const { groups, push, end } = source<string>();
    const chunks: (readonly string[])[] = [];
    const done = (async () => {
      for await (const chunk of gather(groups, 3, clock)) chunks.push(chunk);
    })();
    push('a');
    await settle();
    expect(chunks).toEqual([]);
    clock.elapse();
    await settle();
    expect(chunks).toEqual([['a']]);
    push('b', 'c', 'd', 'e');
    await settle();
    expect(chunks).toEqual([['a'], ['b', 'c', 'd']]);
    end();
    await done;
    expect(chunks).toEqual([['a'], ['b', 'c', 'd'], ['e']]);
  });

  it('sets no timer while nothing waits', async () => {
    const clock = idleClock();
    const { groups, end } = source<string>();
    const done = collect(gather(groups, 3, clock));
    await settle();
    expect(clock.sleeping).toBe(0);
    end();
    expect(await done).toEqual([]);
  });

  it('fails when the source fails, also while a chunk is being worked on', async () => {
    const { groups, push, fail } = source<string>();
    const chunks = gather(groups, 1, idleClock());
    push('a');
    expect(await chunks.next()).toEqual({ done: false, value: ['a'] });
    fail(new Error('broke off'));
    await settle();
    await expect(chunks.next()).rejects.toThrow('broke off');
  });

  it('asks for one group beyond what it hands on, and no more, until it is asked', async () => {
    let asked = 0;
    async function* counted(): AsyncGenerator<readonly number[]> {
      for (;;) yield [asked++];
    }
    const chunks = gather(counted(), 4, idleClock());
    await chunks.next();
    await settle();
    expect(asked).toBeLessThanOrEqual(5);
    await chunks.return(undefined);
  });

  it('lets its source go when its reader stops early', async () => {
    let gone = false;
    async function* held(): AsyncGenerator<readonly number[]> {
      try {
        for (let i = 0; ; i++) yield [i];
      } finally {
        gone = true;
      }
    }
    for await (const _chunk of gather(held(), 2, idleClock())) break;
    await settle();
    expect(gone).toBe(true);
  });
});
