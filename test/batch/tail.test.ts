import { describe, expect, it } from 'vitest';
import { type BatchStore, Progress, type StoredOutcome, tailOutcomes } from '../../src/batch/index.ts';

const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

const outcome = (seq: number, attempt = 1): StoredOutcome => ({
  seq,
  attempt,
  row: seq,
  deviceId: `d${seq}`,
  status: 'issued',
  intentId: seq,
  problem: null,
  warnings: [],
  serial: null,
  certificate: null,
  envelope: null,
});

/** The outcomes' half of the port, on a list. */
function outcomes(list: StoredOutcome[]) {
  const reads: number[] = [];
  const store = {
    listOutcomes: async (_id: string, attempt: number | null, after: number, limit: number) => {
      reads.push(after);
      return list.filter((o) => o.seq > after && (attempt === null || o.attempt === attempt)).slice(0, limit);
    },
  } as unknown as BatchStore;
  return { store, reads };
}

function follow(list: StoredOutcome[], progress: Progress, attempt = 1) {
  const { store, reads } = outcomes(list);
  const seen: number[] = [];
  const done = (async () => {
    for await (const page of tailOutcomes(store, 'b', attempt, progress))
      seen.push(...page.map(({ seq }) => seq));
  })();
  return { seen, done, reads };
}

const numbers = (from: number, to: number): number[] =>
  Array.from({ length: to - from + 1 }, (_, i) => from + i);

describe('progress', () => {
  it('wakes everyone who took it before, once for each advance', async () => {
    const progress = new Progress();
    const first = progress.changed;
    const order: string[] = [];
    void first.then(() => order.push('one'));
    void first.then(() => order.push('two'));
    progress.advance([outcome(1)]);
    await settle();
    expect(order).toEqual(['one', 'two']);
    expect(progress.changed).not.toBe(first);
    expect(progress.ended).toBeUndefined();
  });

  it('says how it ended before it wakes', async () => {
    const progress = new Progress();
    const ended = progress.changed.then(() => progress.ended);
    progress.finish('interrupted');
    expect(await ended).toBe('interrupted');
  });
});

describe('the tail of a lot', () => {
  it('gives what is on record, waits for more, and ends when the upload has ended and all is read', async () => {
    const list = [outcome(1)];
    const progress = new Progress();
    progress.advance(list);
    const { seen, done } = follow(list, progress);
    await settle();
    expect(seen).toEqual([1]);
    list.push(outcome(2), outcome(3));
    progress.advance(list.slice(1));
    await settle();
    expect(seen).toEqual([1, 2, 3]);
    list.push(outcome(4));
    progress.advance(list.slice(3));
    progress.finish('complete');
    await done;
    expect(seen).toEqual([1, 2, 3, 4]);
  });

  it('does not sleep through outcomes that come while it reads', async () => {
    const list = [outcome(1)];
    const progress = new Progress();
    progress.advance(list);
    const { store } = outcomes(list);
    const seen: number[] = [];
    for await (const page of tailOutcomes(store, 'b', 1, progress)) {
      seen.push(...page.map(({ seq }) => seq));
      if (seen.length > 1) continue;
      list.push(outcome(2));
      progress.advance(list.slice(1));
      progress.finish('complete');
    }
    expect(seen).toEqual([1, 2]);
  });

  it('gives a reader who fell behind the rest from the store', async () => {
    const list = numbers(1, 40).map((seq) => outcome(seq));
    const progress = new Progress();
    for (const one of list) progress.advance([one]);
    progress.finish('complete');
    const { store, reads } = outcomes(list);
    const seen: number[] = [];
    for await (const page of tailOutcomes(store, 'b', 1, progress)) seen.push(...page.map(({ seq }) => seq));
    expect(seen).toEqual(numbers(1, 40));
    expect(reads[0]).toBe(0);
  });

  it('pages through many, and asks no further than its reader takes', async () => {
    const { store, reads } = outcomes(numbers(1, 1000).map((seq) => outcome(seq)));
    const progress = new Progress();
    progress.finish('complete');
    const pages = tailOutcomes(store, 'b', 1, progress);
    const { value: first } = await pages.next();
    await settle();
    expect(first).toHaveLength(128);
    expect(reads).toEqual([0]);
    let count = 128;
    for await (const page of pages) count += page.length;
    expect(count).toBe(1000);
  });

  it('gives the outcomes of its attempt alone', async () => {
    const progress = new Progress();
    progress.finish('complete');
    const { seen, done } = follow([outcome(1, 1), outcome(2, 2), outcome(3, 1), outcome(4, 2)], progress, 2);
    await done;
    expect(seen).toEqual([2, 4]);
  });

  it('ends after an interruption too, with what was recorded', async () => {
    const progress = new Progress();
    const { seen, done } = follow([outcome(1)], progress);
    progress.finish('interrupted');
    await done;
    expect(seen).toEqual([1]);
  });
});
