import { describe, expect, it } from 'vitest';
import { rememberReads } from '../../src/store/remembered-reads.ts';
import type { Store } from '../../src/store/store.ts';

const act = { at: new Date('2026-06-01T12:00:00Z'), actor: { kind: 'service', id: 's', role: 's' } } as const;
const fleet = { name: 'demo', target: 'generic', gatewayUrl: null, gatewayRoot: null } as const;

/** A store that counts what it is asked, and answers when it is told. */
function counting() {
  const asked: string[] = [];
  const waiting: (() => void)[] = [];
  let value = 1;
  const hold = { reads: false };
  const store = {
    findFleet: async (name: string) => {
      asked.push(name);
      const answer = { id: value };
      if (hold.reads) await new Promise<void>((resolve) => waiting.push(resolve));
      if (name === 'broken') throw new Error('broken');
      return name === 'none' ? undefined : answer;
    },
    createFleet: async () => {
      value++;
      return { id: value };
    },
  } as unknown as Store;
  const release = () => {
    for (const go of waiting.splice(0)) go();
  };
  return { store: rememberReads(store), asked, hold, release };
}

describe('what is read again and again', () => {
  it('is asked once', async () => {
    const { store, asked } = counting();
    await Promise.all([store.findFleet('a'), store.findFleet('a')]);
    expect(await store.findFleet('a')).toMatchObject({ id: 1 });
    await store.findFleet('b');
    expect(asked).toEqual(['a', 'b']);
  });

  it('is asked again after a command that may change it', async () => {
    const { store, asked } = counting();
    await store.findFleet('a');
    await store.createFleet(act, fleet);
    expect(await store.findFleet('a')).toMatchObject({ id: 2 });
    expect(asked).toEqual(['a', 'a']);
  });

  it('is not kept where it was read beside such a command', async () => {
    const { store, hold, release } = counting();
    hold.reads = true;
    const early = store.findFleet('a');
    const change = store.createFleet(act, fleet);
    release();
    expect(await early).toMatchObject({ id: 1 });
    await change;
    hold.reads = false;
    expect(await store.findFleet('a')).toMatchObject({ id: 2 });
  });

  it('is not kept where there is nothing, or it failed', async () => {
    const { store, asked } = counting();
    expect(await store.findFleet('none')).toBeUndefined();
    expect(await store.findFleet('none')).toBeUndefined();
    await expect(store.findFleet('broken')).rejects.toThrow('broken');
    await expect(store.findFleet('broken')).rejects.toThrow('broken');
    expect(asked).toEqual(['none', 'none', 'broken', 'broken']);
  });
});
