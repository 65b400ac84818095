import { createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  makeMaterial,
  paceOf,
  quickerImport,
  verifyAndSign,
  wholeCycle,
} from '../../../src/cli/bench/ceiling-loop.ts';

describe('the ceiling', () => {
  const material = makeMaterial(20);

  it('has a key of its own for each row', () => {
    expect(new Set(material.requests.map(({ spki }) => spki.toString('hex'))).size).toBe(20);
  });

  it('imports the key that the request carries', () => {
    const importKey = quickerImport(material);
    for (const { spki } of material.requests) {
      expect(importKey(spki).export({ format: 'der', type: 'spki' })).toEqual(
        createPublicKey({ key: spki, format: 'der', type: 'spki' }).export({ format: 'der', type: 'spki' }),
      );
    }
  });

  it('goes round all keys, and gives rows a second', () => {
    const cycle = wholeCycle(material, quickerImport(material));
    const seen: number[] = [];
    const pace = paceOf((row) => {
      seen.push(row);
      cycle(row);
    }, 5);
    expect(pace).toBeGreaterThan(0);
    expect(seen).toEqual(seen.map((_, i) => i));
    expect(() => verifyAndSign(material)(0)).not.toThrow();
  });

  it('does not count a signature that does not verify', () => {
    const [first, ...rest] = material.requests;
    const info = Buffer.from(first?.info ?? []);
    info[0] = (info[0] ?? 0) ^ 1;
    const damaged = { ...material, requests: [{ ...first!, info }, ...rest] };
    expect(() => wholeCycle(damaged, quickerImport(material))(0)).toThrow('does not verify');
  });
});
