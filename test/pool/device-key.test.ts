import { createPrivateKey, createPublicKey } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { makeDeviceKey } from '../../src/pool/index.ts';
import { DEVICE_KEY_ALGORITHMS, parsePublicKey } from '../../src/x509/index.ts';

/** Where the scalar stands in the PKCS#8 of a P-256 key. */
const SCALAR_AT = 36;

/** As OpenSSL would have written it. */
const written = (pkcs8: Uint8Array): Buffer =>
  createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' }).export({
    format: 'der',
    type: 'pkcs8',
  });

describe('a key that is made for a device', () => {
  it.each(DEVICE_KEY_ALGORITHMS.filter((name) => name !== 'rsa-3072'))(
    'of the kind %s is what OpenSSL writes, and its halves belong together',
    (algorithm) => {
      const { pkcs8, spki } = makeDeviceKey(algorithm);
      expect(written(pkcs8)).toEqual(Buffer.from(pkcs8));
      const half = createPublicKey(
        createPrivateKey({ key: Buffer.from(pkcs8), format: 'der', type: 'pkcs8' }),
      );
      expect(half.export({ format: 'der', type: 'spki' })).toEqual(Buffer.from(spki));
      expect(() => parsePublicKey(spki)).not.toThrow();
    },
  );

  it('keeps a zero that its scalar begins with', () => {
    // One scalar in 256 does.
    let pkcs8 = makeDeviceKey('ec-p256').pkcs8;
    while (pkcs8[SCALAR_AT] !== 0) pkcs8 = makeDeviceKey('ec-p256').pkcs8;
    expect(written(pkcs8)).toEqual(Buffer.from(pkcs8));
  });

  it('is another each time', () => {
    const keys = Array.from({ length: 200 }, () =>
      Buffer.from(makeDeviceKey('ec-p256').pkcs8).toString('hex'),
    );
    expect(new Set(keys).size).toBe(keys.length);
  });

  it('lies in memory that nobody else has, so that wiping it wipes nothing but it', () => {
    const { pkcs8 } = makeDeviceKey('ec-p256');
    expect(pkcs8.buffer.byteLength).toBe(pkcs8.length);
  });
});
