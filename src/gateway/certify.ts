import { OID } from '../asn1/index.ts';
import { mintSerial, type Signer } from '../ca/index.ts';
import type { Random } from '../random.ts';
import {
  assembleCertificate,
  type Certificate,
  type Extension,
  encodeAuthorityKeyIdentifier,
  encodeBasicConstraints,
  encodeExtendedKeyUsage,
  encodeKeyUsage,
  encodeName,
  encodeSubjectAltName,
  encodeSubjectKeyIdentifier,
  encodeTbs,
  keyIdentifier,
  makeExtension,
  type Purpose,
  parsePublicKey,
  type SubjectAttribute,
} from '../x509/index.ts';

export const DAY_MS = 86_400_000;

/**
 * A certificate of a gateway's own server, or one that a gateway must refuse, made to show that it does. Those
 * of a fleet come from the service alone.
 */
export interface CertificateWish {
  readonly kind: 'ca' | 'leaf';
  readonly subject: readonly SubjectAttribute[];
  /** null: it signs itself. */
  readonly issuer: Certificate | null;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
  readonly purposes: readonly Purpose[];
  /** DNS names, and IP addresses as octets. */
  readonly names: readonly (string | Uint8Array)[];
  readonly notBefore: Date;
  readonly notAfter: Date;
}

function extensionsOf(wish: CertificateWish, issuerKey: Uint8Array): readonly Extension[] {
  const { kind, publicKey, purposes, names } = wish;
  const own = keyIdentifier(parsePublicKey(publicKey).keyBits);
  const ca: readonly Extension[] = [
    makeExtension(OID.basicConstraints, true, encodeBasicConstraints({ ca: true, pathLength: null })),
    makeExtension(OID.keyUsage, true, encodeKeyUsage(['keyCertSign'])),
  ];
  const leaf: readonly Extension[] = [
    makeExtension(OID.keyUsage, true, encodeKeyUsage(['digitalSignature'])),
    makeExtension(OID.authorityKeyIdentifier, false, encodeAuthorityKeyIdentifier(keyIdentifier(issuerKey))),
  ];
  return [
    ...(kind === 'ca' ? ca : leaf),
    makeExtension(OID.extendedKeyUsage, true, encodeExtendedKeyUsage(purposes)),
    makeExtension(OID.subjectKeyIdentifier, false, encodeSubjectKeyIdentifier(own)),
    ...(names.length === 0 ? [] : [makeExtension(OID.subjectAltName, false, encodeSubjectAltName(names))]),
  ];
}

/** Makes a certificate and signs it; DER. */
export async function certify(signer: Signer, random: Random, wish: CertificateWish): Promise<Uint8Array> {
  const subject = encodeName(wish.subject);
  const tbs = encodeTbs({
    serial: mintSerial(random),
    algorithm: signer.algorithm,
    issuer: wish.issuer?.subject.der ?? subject,
    notBefore: wish.notBefore,
    notAfter: wish.notAfter,
    subject,
    publicKey: wish.publicKey,
    extensions: extensionsOf(wish, parsePublicKey(signer.publicKey).keyBits),
  });
  return assembleCertificate(tbs, signer.algorithm, await signer.sign(tbs));
}
