/** id-signedData and id-data of RFC 5652. */
const SIGNED_DATA = '1.2.840.113549.1.7.2';
const DATA = '1.2.840.113549.1.7.1';

/**
 * Certificates in a degenerate SignedData without signers (RFC 5652, 5.2; RFC 8551, 3.2.2): what
 * `application/pkcs7-mime; smime-type=certs-only` carries. DER; the certificates keep their order.
 */
export async function encodeCertsOnly(certificates: readonly Uint8Array[]): Promise<Uint8Array> {
  // Loaded where it is asked for: it takes a third of a second, which every thread and command would pay.
  const [{ fromBER }, pkijs] = await Promise.all([import('asn1js'), import('pkijs')]);
  const signedData = new pkijs.SignedData({
    version: 1,
    encapContentInfo: new pkijs.EncapsulatedContentInfo({ eContentType: DATA }),
    certificates: certificates.map(
      (der) => new pkijs.Certificate({ schema: fromBER(Uint8Array.from(der).buffer).result }),
    ),
  });
  const content = new pkijs.ContentInfo({ contentType: SIGNED_DATA, content: signedData.toSchema(true) });
  return new Uint8Array(content.toSchema().toBER(false));
}
