import { PkiError } from '../errors.ts';
import { assembleCertificate, importPublicKey, isSignatureValid, parsePublicKey } from '../x509/index.ts';
import type { Signer } from './keystore-ports.ts';

/**
 * Signs octets and looks at what came out before anybody gets it; gives the signature. Rejects with
 * `signer-unavailable`.
 */
export async function signAndVerify(signer: Signer, octets: Uint8Array): Promise<Uint8Array> {
  const signature = await signer.sign(octets);
  const publicKey = parsePublicKey(signer.publicKey);
  if (
    !isSignatureValid(signer.algorithm, publicKey.key.kind, importPublicKey(publicKey), octets, signature)
  ) {
    throw new PkiError(
      'signer-unavailable',
      "The authority's key made a signature that does not verify; nothing was issued.",
    );
  }
  return signature;
}

/** The same of a TBS; gives the certificate, DER. */
export const signWith = async (signer: Signer, tbs: Uint8Array): Promise<Uint8Array> =>
  assembleCertificate(tbs, signer.algorithm, await signAndVerify(signer, tbs));
