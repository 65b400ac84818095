/** Loaded where it is asked for: it takes a quarter of a second, which every thread and command would pay. */
async function loadLibrary() {
  await import('reflect-metadata');
  return import('@peculiar/x509');
}

/** What another implementation reads in a certificate. */
export interface ReadBack {
  readonly serial: string;
  readonly subject: Uint8Array;
  readonly issuer: Uint8Array;
  readonly notBefore: Date;
  readonly notAfter: Date;
  readonly publicKey: Uint8Array;
  readonly ca: boolean;
  readonly purposes: readonly string[];
  readonly extensions: readonly { readonly oid: string; readonly critical: boolean }[];
}

/**
 * Reads a certificate with an X.509 library that shares no code with our reader and writer, so that a
 * fault in both of ours does not pass for agreement. It costs milliseconds: for authorities and for
 * the first certificate of a kind, not for every leaf.
 */
export async function readBack(der: Uint8Array): Promise<ReadBack> {
  const { BasicConstraintsExtension, ExtendedKeyUsageExtension, X509Certificate } = await loadLibrary();
  const certificate = new X509Certificate(Uint8Array.from(der));
  return {
    serial: certificate.serialNumber,
    subject: new Uint8Array(certificate.subjectName.toArrayBuffer()),
    issuer: new Uint8Array(certificate.issuerName.toArrayBuffer()),
    notBefore: certificate.notBefore,
    notAfter: certificate.notAfter,
    publicKey: new Uint8Array(certificate.publicKey.rawData),
    ca: certificate.getExtension(BasicConstraintsExtension)?.ca ?? false,
    purposes: (certificate.getExtension(ExtendedKeyUsageExtension)?.usages ?? []).map(String),
    extensions: certificate.extensions.map(({ type, critical }) => ({ oid: type, critical })),
  };
}
