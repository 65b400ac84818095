import { PkiError } from '../errors.ts';
import { assembleCertificate, importPublicKey, isSignatureValid, parsePublicKey } from '../x509/index.ts';
import type { Signer } from './ports.ts';

/**
 * Signs a TBS and looks at what came out before anybody gets it; gives the certificate, DER. Rejects with
 * `signer-unavailable`.
 */
export async function signWith(signer: Signer, tbs: Uint8Array): Promise<Uint8Array> {
  const signature = await signer.sign(tbs);
  const publicKey = parsePublicKey(signer.publicKey);
  if (!isSignatureValid(signer.algorithm, publicKey.key.kind, importPublicKey(publicKey), tbs, signature)) {
    throw new PkiError(
      'signer-unavailable',
      "The authority's key made a signature that does not verify; nothing was issued.",
    );
  }
  return assembleCertificate(tbs, signer.algorithm, signature);
}
