import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import type { Keystore, Signer } from '../../src/ca/index.ts';
import { PkiError } from '../../src/errors.ts';
import { importPublicKey, isSignatureValid, parsePublicKey } from '../../src/x509/index.ts';

const TBS = new Uint8Array(900).fill(0x5a);

const refusalOf = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => undefined,
    (failure: unknown) => failure,
  );

async function expectToSign(signer: Signer): Promise<void> {
  const publicKey = parsePublicKey(signer.publicKey);
  const signature = await signer.sign(TBS);
  const valid = (tbs: Uint8Array): boolean =>
    isSignatureValid(signer.algorithm, publicKey.key.kind, importPublicKey(publicKey), tbs, signature);
  expect(valid(TBS)).toBe(true);
  expect(valid(TBS.subarray(1))).toBe(false);
}

const SIGNATURES = [
  ['ec-p256', 'ecdsa-with-SHA256'],
  ['ec-p384', 'ecdsa-with-SHA384'],
  ['rsa-3072', 'sha256WithRSAEncryption'],
  ['ed25519', 'Ed25519'],
] as const;

/** What an adapter need not do, and then refuses. */
export interface KeystoreLimits {
  /** It takes no private key from outside, and makes no Ed25519 key. */
  readonly isToken: boolean;
}

/** What every keystore keeps; `make` gives an empty one. */
export function keystoreContract(
  name: string,
  make: () => Keystore,
  { isToken }: KeystoreLimits = { isToken: false },
): void {
  /** Any kind of key that the adapter makes. */
  const any = isToken ? 'ec-p256' : 'ed25519';
  const made = SIGNATURES.filter(([algorithm]) => !isToken || algorithm !== 'ed25519');

  describe(`the keystore contract over ${name}`, () => {
    test.each(made)('a generated %s key signs with %s', { timeout: 30_000 }, async (algorithm, signature) => {
      const signer = await make().generate('demo.root.1', algorithm);
      expect(signer.algorithm).toBe(signature);
      await expectToSign(signer);
    });

    test.skipIf(isToken)('an adopted key is the same key when it is opened', async () => {
      const keystore = make();
      const pair = generateKeyPairSync('ec', {
        namedCurve: 'P-256',
        publicKeyEncoding: { type: 'spki', format: 'der' },
        privateKeyEncoding: { type: 'pkcs8', format: 'der' },
      });
      const pkcs8: unknown = pair.privateKey;
      await keystore.adopt('demo.root.2', pkcs8 as Buffer);
      const signer = await keystore.open('demo.root.2');
      expect(Buffer.from(signer.publicKey)).toEqual(pair.publicKey);
      await expectToSign(signer);
    });

    test('a taken id rejects as a defect, and the first key stays', async () => {
      const keystore = make();
      const first = await keystore.generate('demo.root.3', any);
      const failure = await refusalOf(keystore.generate('demo.root.3', any));
      expect(failure).toBeInstanceOf(Error);
      expect(failure).not.toBeInstanceOf(PkiError);
      expect((await keystore.open('demo.root.3')).publicKey).toEqual(first.publicKey);
    });

    test('a discarded key is gone, its id is free, and discarding it again changes nothing', async () => {
      const keystore = make();
      const first = await keystore.generate('demo.root.5', any);
      const other = await keystore.generate('demo.root.6', any);
      await keystore.discard('demo.root.5');
      await keystore.discard('demo.root.5');
      expect(await refusalOf(keystore.open('demo.root.5'))).toMatchObject({ code: 'signer-unavailable' });
      expect((await keystore.open('demo.root.6')).publicKey).toEqual(other.publicKey);
      expect((await keystore.generate('demo.root.5', any)).publicKey).not.toEqual(first.publicKey);
    });

    test('a destroyed key is gone for who opens it again, and destroying it again changes nothing', async () => {
      const keystore = make();
      await keystore.generate('demo.root.8', any);
      const other = await keystore.generate('demo.root.9', any);
      await keystore.destroy('demo.root.8');
      await keystore.destroy('demo.root.8');
      expect(await refusalOf(keystore.open('demo.root.8'))).toMatchObject({ code: 'signer-unavailable' });
      expect((await keystore.open('demo.root.9')).publicKey).toEqual(other.publicKey);
    });

    test.runIf(isToken)('a key from outside and an Ed25519 key are refused', async () => {
      const keystore = make();
      expect(await refusalOf(keystore.adopt('demo.root.7', TBS))).toMatchObject({ code: 'bad-request' });
      expect(await refusalOf(keystore.generate('demo.root.7', 'ed25519'))).toMatchObject({
        code: 'algorithm-not-allowed',
      });
    });

    test('a key that is not held under a name is a bad request', async () => {
      expect(await refusalOf(make().findHeld('nobody'))).toMatchObject({ code: 'bad-request' });
    });

    test('a key that is not there is signer-unavailable', async () => {
      expect(await refusalOf(make().open('demo.root.4'))).toMatchObject({ code: 'signer-unavailable' });
    });
  });
}
