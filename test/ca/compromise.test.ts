import { describe, expect, it } from 'vitest';
import {
  type CompromisePlan,
  type Generation,
  isInBundle,
  planCompromise,
  standingUnderIt,
  type Withdrawal,
} from '../../src/ca/index.ts';
import { PkiError } from '../../src/errors.ts';

const NOW = new Date('2026-06-01T12:00:00Z');

const generation = (id: number, wish: Partial<Generation>): Generation => ({
  id,
  fleetId: 1,
  authority: 'line-7',
  kind: 'issuing',
  number: id,
  state: 'active',
  withdrawn: false,
  key: 'kept',
  profile: 'issuing',
  keyId: `key-${id}`,
  certificate: new Uint8Array(0),
  issuerId: 1,
  imported: false,
  links: [],
  createdAt: NOW,
  ...wish,
});
const root = generation(1, { authority: 'root', kind: 'root', number: 1 });
const line = (id: number, number: number, wish: Partial<Generation> = {}): Generation =>
  generation(id, { number, ...wish });

const plan = (generations: readonly Generation[], of: Generation, withdrawal: Withdrawal) =>
  planCompromise(generations, of, withdrawal);

const refusal = (...args: Parameters<typeof plan>): unknown => {
  try {
    return plan(...args);
  } catch (failure) {
    return failure instanceof PkiError ? [failure.code, failure.message] : failure;
  }
};

/** The generations as they are after it. */
const become = (generations: readonly Generation[], { changes, withdrawn }: CompromisePlan): Generation[] =>
  generations.map((one) => ({
    ...one,
    state: changes.find(({ id }) => id === one.id)?.to ?? one.state,
    withdrawn: one.withdrawn || withdrawn.includes(one.id),
  }));

describe('a generation that is compromised', () => {
  it('issues no more and stays trusted, until it is withdrawn and its parent revokes it', () => {
    const own = line(2, 1);
    const first = plan([root, own], own, 'after-re-issue');
    expect(first).toEqual({
      changes: [{ id: 2, from: 'active', to: 'compromised' }],
      withdrawn: [],
      revoked: null,
    });
    const marked = become([root, own], first as CompromisePlan);
    expect(marked.map(isInBundle)).toEqual([true, true]);
    expect(plan(marked, own, 'after-re-issue')).toBeNull();
    const second = plan(marked, own, 'now') as CompromisePlan;
    expect([second.withdrawn, second.revoked?.id]).toEqual([[2], 2]);
    const left = become(marked, second);
    expect(left.map(isInBundle)).toEqual([true, false]);
    expect(plan(left, own, 'now')).toBeNull();
  });

  it('is replaced by the one that is published, and by none that is staged', () => {
    const next = (state: Generation['state']) =>
      plan([root, line(2, 1), line(3, 2, { state })], line(2, 1), 'now');
    expect(next('published')?.changes).toContainEqual({ id: 3, from: 'published', to: 'active' });
    expect(next('staged')?.changes).toHaveLength(1);
    const draining = [
      root,
      line(2, 1, { state: 'draining' }),
      line(3, 2),
      line(4, 3, { state: 'published' }),
    ];
    expect(plan(draining, line(2, 1), 'now')?.changes).toHaveLength(1);
  });

  it('that gateways do not trust leaves at once, whatever was asked for', () => {
    for (const state of ['staged', 'retired'] as const) {
      const found = plan([root, line(2, 1, { state })], line(2, 1), 'after-re-issue');
      expect([found?.withdrawn, found?.revoked?.id]).toEqual([[2], 2]);
    }
  });

  it('and is a root leaves only if there is another, and takes with it what it signed', () => {
    const below = [
      line(2, 1, { state: 'draining' }),
      line(3, 2),
      line(4, 3, { issuerId: 9, state: 'published' }),
    ];
    const [code, message] = refusal([root, ...below], root, 'now') as [string, string];
    expect([code, message]).toEqual(['rotation-refused', expect.stringContaining('the only root')]);
    expect(plan([root, ...below], root, 'after-re-issue')?.changes).toHaveLength(1);
    const other = generation(9, {
      authority: 'root',
      kind: 'root',
      number: 2,
      issuerId: 9,
      state: 'published',
    });
    const found = plan([root, ...below, other], root, 'now');
    expect(found?.changes).toEqual([
      { id: 1, from: 'active', to: 'compromised' },
      { id: 2, from: 'draining', to: 'compromised' },
      { id: 3, from: 'active', to: 'compromised' },
      { id: 4, from: 'published', to: 'active' },
      { id: 9, from: 'published', to: 'active' },
    ]);
    expect([found?.withdrawn, found?.revoked]).toEqual([[1, 2, 3], null]);
  });

  it('cuts off what stands under it, and under what it signed, but for what has another that is trusted', () => {
    const other = generation(9, { authority: 'root', kind: 'root', number: 2, issuerId: 9 });
    const all = [root, line(2, 1), line(3, 2, { state: 'retired' }), other, line(5, 3, { issuerId: 9 })];
    expect(standingUnderIt(all, root, NOW)).toEqual({ under: [1, 2, 3], trusted: [9, 5], at: NOW });
    const lost = line(6, 4, { issuerId: 9, state: 'compromised' });
    expect(standingUnderIt([...all, lost], line(2, 1), NOW)).toEqual({
      under: [2],
      trusted: [1, 9, 5],
      at: NOW,
    });
  });

  it('that is not there is not found', () => {
    expect(refusal([root], line(2, 1), 'now')).toEqual(['not-found', expect.any(String)]);
  });
});
