import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type LineMember, MOVES, type MoveWish, planMove, verifyFreeForNext } from '../../src/ca/index.ts';
import { PkiError } from '../../src/errors.ts';

const HOUR = 3_600_000;
const TERMS = { publishHours: 24 };
const NOW = new Date('2026-06-01T12:00:00Z');

const member = (number: number, wish: Partial<LineMember> = {}): LineMember => ({
  id: 100 + number,
  number,
  state: 'active',
  since: new Date(NOW.getTime() - 48 * HOUR),
  wasActive: true,
  awaited: [],
  isRootTrusted: true,
  isKeyKept: true,
  lastValid: null,
  below: [],
  ...wish,
});

const refusal = (
  line: readonly LineMember[],
  wish: Partial<MoveWish> & Pick<MoveWish, 'move' | 'number'>,
) => {
  try {
    return planMove(line, { forced: null, ...wish }, TERMS, NOW);
  } catch (failure) {
    return failure instanceof PkiError ? failure.message : failure;
  }
};

describe('a generation', () => {
  it('is published, then active, and the one before drains', () => {
    const line = [member(1), member(2, { state: 'published' })];
    expect(
      planMove([member(2, { state: 'staged' })], { move: 'publish', number: 2, forced: null }, TERMS, NOW),
    ).toEqual([{ id: 102, from: 'staged', to: 'published' }]);
    expect(planMove(line, { move: 'activate', number: 2, forced: null }, TERMS, NOW)).toEqual([
      { id: 101, from: 'active', to: 'draining' },
      { id: 102, from: 'published', to: 'active' },
    ]);
  });

  it('issues only when gateways had the time to fetch it, or somebody says why not', () => {
    const line = [member(1), member(2, { state: 'published', since: new Date(NOW.getTime() - 23 * HOUR) })];
    expect(refusal(line, { move: 'activate', number: 2 })).toMatch(
      /until 2026-06-01T13:00:00.000Z to fetch it/,
    );
    expect(
      refusal(line, { move: 'activate', number: 2, forced: 'all gateways were loaded by hand' }),
    ).toHaveLength(2);
    expect(
      refusal([member(1), member(2, { state: 'staged' })], { move: 'activate', number: 2, forced: 'now' }),
    ).toMatch(/for a generation that is published; generation 2 is staged/);
  });

  it('issues only when every gateway is known to have it, or somebody says why not', () => {
    const line = [
      member(1),
      member(2, { state: 'published', awaited: ['gateway.example.com', 'production'] }),
    ];
    expect(refusal(line, { move: 'activate', number: 2 })).toMatch(
      /not acknowledged by gateway.example.com, production/,
    );
    expect(refusal(line, { move: 'activate', number: 2, forced: 'loaded by hand' })).toHaveLength(2);
  });

  it('stays in the trust bundle while certificates, or CAs, under it stand', () => {
    const until = new Date('2027-01-01T00:00:00Z');
    const retire = { move: 'retire', number: 1 } as const;
    expect(refusal([member(1, { state: 'draining', lastValid: until }), member(2)], retire)).toMatch(
      /the last until 2027-01-01/,
    );
    expect(
      refusal([member(1, { state: 'draining', below: ['line-7, generation 1'] }), member(2)], retire),
    ).toMatch(/^line-7, generation 1 stands under generation 1/);
    expect(
      refusal([member(1), member(2, { state: 'published', lastValid: until })], {
        move: 'roll-back',
        number: 2,
      }),
    ).toMatch(/Renew or revoke them first/);
  });

  it('goes back step by step, and the one before issues again', () => {
    const line = [member(1, { state: 'draining' }), member(2)];
    expect(refusal(line, { move: 'roll-back', number: 2 })).toEqual([
      { id: 102, from: 'active', to: 'published' },
      { id: 101, from: 'draining', to: 'active' },
    ]);
    expect(refusal([member(1)], { move: 'roll-back', number: 1 })).toMatch(/no generation before/);
  });

  it('is alone on its way', () => {
    expect(() => verifyFreeForNext([member(1), member(2, { state: 'staged' })])).toThrow(
      /Generation 2 is staged/,
    );
    expect(() => verifyFreeForNext([member(1), member(2, { state: 'published' })])).toThrow(/is published/);
    expect(() => verifyFreeForNext([member(1, { state: 'draining' }), member(2)])).not.toThrow();
  });
});

/** What somebody does to a line: moves of any generation, another generation, certificates that are issued or end. */
const step = fc.oneof(
  fc.record({
    kind: fc.constant('move' as const),
    move: fc.constantFrom(...MOVES),
    number: fc.integer({ min: 1, max: 3 }),
    forced: fc.constantFrom(null, 'because'),
  }),
  fc.record({ kind: fc.constant('stage' as const) }),
  fc.record({ kind: fc.constant('issue' as const) }),
  fc.record({ kind: fc.constant('expire' as const), number: fc.integer({ min: 1, max: 3 }) }),
  fc.record({ kind: fc.constant('wait' as const), hours: fc.integer({ min: 1, max: 60 }) }),
);

const TRUSTED = ['published', 'active', 'draining'];

it('whatever is done in whatever order, one generation issues, and what stands is trusted', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 20, maxLength: 200 }), (steps) => {
      let now = NOW.getTime();
      let line: LineMember[] = [member(1)];
      const wasTrusted = new Map<number, number>();
      for (const one of steps) {
        const before = line;
        try {
          if (one.kind === 'wait') now += one.hours * HOUR;
          if (one.kind === 'stage') {
            verifyFreeForNext(line);
            if (line.length === 3) continue;
            line = [
              ...line,
              member(line.length + 1, { state: 'staged', since: new Date(now), wasActive: false }),
            ];
          }
          if (one.kind === 'issue') {
            line = line.map((m) =>
              m.state === 'active' ? { ...m, lastValid: new Date(now + 1000 * HOUR) } : m,
            );
          }
          if (one.kind === 'expire')
            line = line.map((m) => (m.number === one.number ? { ...m, lastValid: null } : m));
          if (one.kind === 'move') {
            const changes = planMove(line, one, TERMS, new Date(now));
            line = line.map((m) => {
              const change = changes.find(({ id }) => id === m.id);
              if (change) expect(change.from).toBe(m.state);
              return change
                ? {
                    ...m,
                    state: change.to,
                    since: new Date(now),
                    wasActive: m.wasActive || change.to === 'active',
                  }
                : m;
            });
            expect(changes.length).toBeGreaterThan(0);
          }
        } catch (failure) {
          if (!(failure instanceof PkiError)) throw failure;
          line = before;
        }
        // One issues, always; and no two.
        expect(line.filter(({ state }) => state === 'active')).toHaveLength(1);
        for (const { number, state, lastValid } of line) {
          // What has certificates that stand is in the trust bundle.
          if (lastValid !== null) expect(TRUSTED).toContain(state);
          if (state === 'published' && !wasTrusted.has(number)) wasTrusted.set(number, now);
          // Nothing issues that was not in the bundle before.
          if (state === 'active' && number > 1) expect(wasTrusted.has(number)).toBe(true);
          if (!TRUSTED.includes(state)) wasTrusted.delete(number);
        }
        // One generation at most is on its way.
        const onTheirWay = line.filter(({ state }) => state === 'staged' || state === 'published');
        expect(onTheirWay.length).toBeLessThanOrEqual(1);
      }
    }),
    { numRuns: 500 },
  );
});
