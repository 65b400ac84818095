import { createECDH, createPrivateKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { makeMaterial } from '../../../src/cli/bench/ceiling-loop.ts';
import { drawBare, drawByLibrary, madeKeyCycle } from '../../../src/cli/bench/made-key-loop.ts';

describe('a key of the ceiling', () => {
  it('is a P-256 key in PKCS#8 where the library draws it', () => {
    const key = Buffer.from(drawByLibrary());
    const { asymmetricKeyDetails } = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
    expect(asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
  });

  it('is a scalar of P-256 where it is drawn bare', () => {
    expect(() => createECDH('prime256v1').setPrivateKey(drawBare())).not.toThrow();
  });

  it.each([drawByLibrary, drawBare])('is another each time', (draw) => {
    expect(Buffer.from(draw())).not.toEqual(Buffer.from(draw()));
  });

  it('is drawn once a row, beside a signature that must verify', () => {
    let keys = 0;
    const counted = (): Uint8Array => {
      keys++;
      return drawBare();
    };
    const material = makeMaterial(1);
    const cycle = madeKeyCycle(material, counted);
    for (let row = 0; row < 3; row++) cycle(row);
    expect(keys).toBe(3);
    const { publicKey } = makeMaterial(1).issuer;
    const damaged = { ...material, issuer: { ...material.issuer, publicKey } };
    expect(() => madeKeyCycle(damaged, drawBare)(0)).toThrow('does not verify');
  });
});
