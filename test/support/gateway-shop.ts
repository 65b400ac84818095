/** Certificates of any make for gateways to judge: those of a fleet, and those that a gateway must refuse. */
import { OID } from '../../src/asn1/index.ts';
import {
  assembleCertificate,
  type Extension,
  encodeAuthorityKeyIdentifier,
  encodeBasicConstraints,
  encodeCertificatePem,
  encodeExtendedKeyUsage,
  encodeKeyUsage,
  encodeName,
  encodeSubjectKeyIdentifier,
  encodeTbs,
  type KeyUsage,
  keyIdentifier,
  type Purpose,
  parseName,
  parsePublicKey,
} from '../../src/x509/index.ts';
import { makeKey, type TestKey } from './csr.ts';
import { seededRandom } from './fixed.ts';
import { signWith } from './sign.ts';

const DAY_MS = 86_400_000;
const random = seededRandom('gateway shop');

export interface Made {
  readonly key: TestKey;
  readonly der: Uint8Array;
  readonly pem: string;
  /** Name, DER. */
  readonly subject: Uint8Array;
}

export interface CertificateWish {
  /** A common name, or a whole Name in DER. */
  readonly subject: string | Uint8Array;
  /** null: signed by itself. */
  readonly issuer: Made | null;
  readonly ca?: boolean;
  readonly pathLength?: number;
  readonly usages?: readonly KeyUsage[];
  readonly purposes?: readonly Purpose[];
  readonly fromDays?: number;
  readonly toDays?: number;
  readonly key?: TestKey;
  readonly more?: readonly Extension[];
}

const nameOf = (subject: string | Uint8Array): Uint8Array =>
  typeof subject === 'string' ? encodeName([{ type: OID.commonName, value: subject }]) : subject;

function extensionsOf(wish: CertificateWish, key: TestKey): readonly Extension[] {
  const { ca = false, pathLength = null, purposes, issuer, more = [] } = wish;
  const usages =
    wish.usages ?? (ca ? (['keyCertSign', 'cRLSign'] as const) : (['digitalSignature'] as const));
  const idOf = ({ spki }: TestKey): Uint8Array => keyIdentifier(parsePublicKey(spki).keyBits);
  const own = idOf(key);
  return [
    ...(ca
      ? [{ oid: OID.basicConstraints, critical: true, value: encodeBasicConstraints({ ca, pathLength }) }]
      : []),
    { oid: OID.keyUsage, critical: true, value: encodeKeyUsage(usages) },
    ...(purposes
      ? [{ oid: OID.extendedKeyUsage, critical: true, value: encodeExtendedKeyUsage(purposes) }]
      : []),
    { oid: OID.subjectKeyIdentifier, critical: false, value: encodeSubjectKeyIdentifier(own) },
    ...(issuer
      ? [
          {
            oid: OID.authorityKeyIdentifier,
            critical: false,
            value: encodeAuthorityKeyIdentifier(idOf(issuer.key)),
          },
        ]
      : []),
    ...more,
  ];
}

/** Makes a certificate; valid now unless the wish says otherwise. */
export function makeCertificate(wish: CertificateWish): Made {
  const key = wish.key ?? makeKey();
  const subject = nameOf(wish.subject);
  const signer = wish.issuer?.key ?? key;
  const serial = Uint8Array.from(random.bytes(16));
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const now = Date.now();
  const tbs = encodeTbs({
    serial,
    algorithm: signer.algorithm,
    issuer: wish.issuer?.subject ?? subject,
    notBefore: new Date(now + (wish.fromDays ?? -1) * DAY_MS),
    notAfter: new Date(now + (wish.toDays ?? 30) * DAY_MS),
    subject,
    publicKey: key.spki,
    extensions: extensionsOf(wish, key),
  });
  const der = assembleCertificate(tbs, signer.algorithm, signWith(signer, tbs));
  return { key, der, pem: encodeCertificatePem(der), subject: parseName(subject).der };
}

/** A fleet as the default profiles make it: root, intermediate, and what a gateway's server shows. */
export function makeShop() {
  const root = makeCertificate({
    subject: 'fleet root',
    issuer: null,
    ca: true,
    purposes: ['serverAuth', 'clientAuth'],
    toDays: 3650,
  });
  const line = makeCertificate({ subject: 'line 7', issuer: root, ca: true, pathLength: 0, toDays: 365 });
  const serverRoot = makeCertificate({
    subject: 'gateway root',
    issuer: null,
    ca: true,
    purposes: ['serverAuth'],
    toDays: 365,
  });
  const server = makeCertificate({
    subject: 'localhost',
    issuer: serverRoot,
    purposes: ['serverAuth'],
    more: [
      {
        oid: OID.subjectAltName,
        critical: false,
        // GeneralNames: dNSName localhost, iPAddress 127.0.0.1
        value: Buffer.from('301182096c6f63616c686f737487047f000001', 'hex'),
      },
    ],
  });
  const device = (subject: string | Uint8Array, wish: Partial<CertificateWish> = {}): Made =>
    makeCertificate({ subject, issuer: line, purposes: ['clientAuth'], ...wish });
  return { root, line, serverRoot, server, device };
}
