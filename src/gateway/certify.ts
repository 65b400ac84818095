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
    {
      oid: OID.basicConstraints,
      critical: true,
      value: encodeBasicConstraints({ ca: true, pathLength: null }),
    },
    { oid: OID.keyUsage, critical: true, value: encodeKeyUsage(['keyCertSign']) },
  ];
  const leaf: readonly Extension[] = [
    { oid: OID.keyUsage, critical: true, value: encodeKeyUsage(['digitalSignature']) },
    {
      oid: OID.authorityKeyIdentifier,
      critical: false,
      value: encodeAuthorityKeyIdentifier(keyIdentifier(issuerKey)),
    },
  ];
  return [
    ...(kind === 'ca' ? ca : leaf),
    { oid: OID.extendedKeyUsage, critical: true, value: encodeExtendedKeyUsage(purposes) },
    { oid: OID.subjectKeyIdentifier, critical: false, value: encodeSubjectKeyIdentifier(own) },
    ...(names.length === 0
      ? []
      : [{ oid: OID.subjectAltName, critical: false, value: encodeSubjectAltName(names) }]),
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
