import type { Signer } from '../ca/index.ts';
import type { KeyAlgorithm } from '../x509/index.ts';
import { generatePrivateKey } from './key-pair.ts';
import { openKey } from './key-signer.ts';

/** A key that is kept nowhere: with it is tried what a real one is to do. */
export async function makeThrowAwayKey(algorithm: KeyAlgorithm): Promise<Signer> {
  const encoded = await generatePrivateKey(algorithm);
  const { signer, pkcs8 } = await openKey('throw-away', encoded);
  encoded.fill(0);
  pkcs8.fill(0);
  return signer;
}
