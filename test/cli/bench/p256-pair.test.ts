import { createPublicKey, sign, verify } from 'node:crypto';
import { expect, it } from 'vitest';
import { makeP256Pair } from '../../../src/cli/bench/p256-pair.ts';

it('the two halves of a pair belong together, whatever zeros the private one begins with', () => {
  const octets = Buffer.from('to be signed');
  // One scalar in 256 begins with a zero octet.
  for (let i = 0; i < 600; i++) {
    const { spki, privateKey } = makeP256Pair();
    const publicKey = createPublicKey({ key: spki, format: 'der', type: 'spki' });
    if (i % 20 === 0)
      expect(verify('sha256', octets, publicKey, sign('sha256', octets, privateKey))).toBe(true);
    expect(publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
  }
});
