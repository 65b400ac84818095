import type { RefusalCode } from '../../src/errors.ts';
import {
  attribute,
  attributeValue,
  criticalExtension,
  extension,
  extensionRequest,
  name,
  type RequestParts,
} from './csr.ts';
import { bits, field, group, hex, ia5, integer, nothing, octets, oid, seq, tlv, utf8 } from './der.ts';
import { ID } from './oids.ts';
import { refuses, takes, type Vector } from './vector.ts';

const asking = (...extensions: readonly Buffer[]): RequestParts => ({
  attributes: [extensionRequest(...extensions)],
});

/** A well-formed wish that the profile does not grant. */
const notGranted = (
  stem: string,
  wish: Buffer,
  why: string,
  clause: string,
  ...alsoCodes: readonly RefusalCode[]
): Vector =>
  refuses(stem, 'extension-not-granted', asking(wish), { why: `asks for ${why}`, clause, alsoCodes });

/** A harmless wish: the certificate says what the profile says, and a warning tells. */
const ignored = (stem: string, wish: Buffer, why: string, clause: string): Vector =>
  takes(stem, asking(wish), { warnings: 1, why: `${why}: ignored with a warning`, clause });

const malformed = (
  stem: string,
  wish: Buffer,
  why: string,
  clause: string,
  ...alsoCodes: readonly RefusalCode[]
): Vector => refuses(stem, 'bad-csr', asking(wish), { why, clause, alsoCodes: ['bad-der', ...alsoCodes] });

const TRUE = hex('0101ff');

function basicConstraints(): readonly Vector[] {
  const clause = 'RFC 5280, 4.2.1.9';
  const bc = (...content: readonly Buffer[]) => extension(ID.basicConstraints, seq(...content));
  return [
    notGranted('ext-ca-true', bc(TRUE), 'CA:TRUE', clause),
    notGranted(
      'ext-ca-true-critical',
      criticalExtension(ID.basicConstraints, seq(TRUE)),
      'CA:TRUE, critical',
      clause,
    ),
    notGranted('ext-ca-true-path-length', bc(TRUE, integer(0n)), 'CA:TRUE with a path length', clause),
    ignored('ext-ca-false', bc(), 'CA:FALSE', clause),
    ignored(
      'ext-ca-false-critical',
      criticalExtension(ID.basicConstraints, seq()),
      'CA:FALSE, critical',
      clause,
    ),
    malformed(
      'ext-ca-false-path-length',
      bc(integer(0n)),
      'a path length without CA:TRUE',
      clause,
      'extension-not-granted',
    ),
    malformed(
      'ext-ca-false-spelled',
      bc(hex('010100')),
      'CA:FALSE is spelled out, which DER leaves out',
      'X.690, 11.5',
    ),
    malformed(
      'ext-ca-trailing',
      extension(ID.basicConstraints, Buffer.concat([seq(), seq(TRUE)])),
      'CA:FALSE, and CA:TRUE behind it',
      clause,
    ),
    malformed(
      'ext-ca-not-a-sequence',
      extension(ID.basicConstraints, TRUE),
      'basicConstraints is a bare BOOLEAN',
      clause,
    ),
    malformed(
      'ext-empty-value',
      extension(ID.basicConstraints, Buffer.alloc(0)),
      'extnValue is empty',
      clause,
    ),
  ];
}

function usages(): readonly Vector[] {
  const ku = 'RFC 5280, 4.2.1.3';
  const eku = 'RFC 5280, 4.2.1.12';
  const usage = (octet: string, unused: number) => extension(ID.keyUsage, bits(hex(octet), unused));
  const purposes = (...ids: readonly string[]) => extension(ID.extendedKeyUsage, seq(...ids.map(oid)));
  return [
    ignored('ext-key-usage', usage('80', 7), 'digitalSignature', ku),
    ignored(
      'ext-key-usage-tls',
      criticalExtension(ID.keyUsage, bits(hex('a8'), 3)),
      'digitalSignature, keyEncipherment and keyAgreement',
      ku,
    ),
    notGranted('ext-key-cert-sign', usage('04', 2), 'keyCertSign', ku),
    notGranted('ext-crl-sign', usage('02', 1), 'cRLSign', ku),
    notGranted(
      'ext-key-cert-sign-among-others',
      usage('86', 1),
      'digitalSignature, keyCertSign and cRLSign',
      ku,
    ),
    malformed(
      'ext-key-usage-trailing-zeros',
      usage('80', 0),
      'keyUsage has trailing zero bits',
      'X.690, 11.2.2',
    ),
    malformed(
      'ext-key-usage-trailing-octet',
      usage('8000', 0),
      'keyUsage has a trailing zero octet',
      'X.690, 11.2.2',
    ),
    malformed('ext-key-usage-integer', extension(ID.keyUsage, integer(128n)), 'keyUsage is an INTEGER', ku),
    ignored('ext-client-auth', purposes(ID.clientAuth), 'clientAuth', eku),
    ignored('ext-server-auth', purposes(ID.serverAuth), 'serverAuth', eku),
    ignored(
      'ext-client-and-server-auth',
      purposes(ID.serverAuth, ID.clientAuth),
      'serverAuth and clientAuth',
      eku,
    ),
    notGranted('ext-code-signing', purposes(ID.codeSigning), 'codeSigning', eku),
    notGranted(
      'ext-code-signing-among-others',
      purposes(ID.clientAuth, ID.codeSigning),
      'clientAuth and codeSigning',
      eku,
    ),
    notGranted('ext-any-purpose', purposes(ID.anyPurpose), 'anyExtendedKeyUsage', eku),
    notGranted('ext-ocsp-signing', purposes(ID.ocspSigning), 'OCSPSigning', eku),
    notGranted('ext-time-stamping', purposes(ID.timeStamping), 'timeStamping', eku),
    notGranted('ext-unknown-purpose', purposes(ID.example), 'an unknown purpose', eku),
    malformed('ext-purposes-empty', purposes(), 'extendedKeyUsage is empty', eku, 'extension-not-granted'),
  ];
}

function alternativeNames(): readonly Vector[] {
  const clause = 'RFC 5280, 4.2.1.6';
  const san = (...names: readonly Buffer[]) => extension(ID.subjectAltName, seq(...names));
  const dns = (text: string) => field(2, Buffer.from(text, 'latin1'));
  const bad = (stem: string, wish: Buffer, why: string) =>
    malformed(stem, wish, why, clause, 'extension-not-granted');
  const upn = group(0, oid(ID.userPrincipalName), group(0, utf8('administrator@example')));
  const directory = group(4, name(attributeValue(ID.commonName, utf8('other'))));
  return [
    ignored('san-same', san(dns('san-same')), 'a dNSName equal to the device ID', clause),
    ignored(
      'san-same-critical',
      criticalExtension(ID.subjectAltName, seq(dns('san-same-critical'))),
      'a critical dNSName equal to the device ID',
      clause,
    ),
    notGranted('san-other-device', san(dns('another-device')), "another device's name", clause),
    notGranted(
      'san-same-and-other',
      san(dns('san-same-and-other'), dns('another-device')),
      "its own name and another device's",
      clause,
    ),
    notGranted('san-wildcard', san(dns('*.example')), 'a wildcard', clause),
    notGranted('san-ip', san(field(7, hex('c0000201'))), 'an IPv4 address', clause),
    notGranted('san-ipv6', san(field(7, hex('20010db8000000000000000000000001'))), 'an IPv6 address', clause),
    notGranted('san-email', san(field(1, Buffer.from('ca@example.org'))), 'an email address', clause),
    notGranted('san-uri', san(field(6, Buffer.from('https://example.org/'))), 'a URI', clause),
    notGranted(
      'san-uri-like-dns',
      san(field(6, Buffer.from('x:,DNS:other.example'))),
      'a URI that prints as a dNSName',
      `${clause}; CVE-2021-44531`,
    ),
    notGranted('san-upn', san(upn), 'a user principal name', clause),
    notGranted('san-directory-name', san(directory), 'a directoryName', clause),
    notGranted('san-registered-id', san(field(8, hex('2b06010401'))), 'a registeredID', clause),
    bad('san-empty', san(), 'subjectAltName is empty'),
    bad('san-unknown-tag', san(field(15, Buffer.from('x'))), 'a name with the unknown tag [15]'),
    bad('san-universal-tag', san(ia5('san-universal-tag')), 'a name without a context tag'),
    bad('san-constructed-dns', san(group(2, ia5('san-constructed-dns'))), 'a dNSName in constructed form'),
    bad(
      'san-not-a-sequence',
      extension(ID.subjectAltName, octets(dns('san-not-a-sequence'))),
      'subjectAltName is no SEQUENCE',
    ),
    bad(
      'san-trailing',
      extension(ID.subjectAltName, Buffer.concat([seq(dns('san-trailing')), seq(dns('other'))])),
      'a second list follows the first',
    ),
    bad('san-dns-empty', san(dns('')), 'an empty dNSName'),
    bad('san-dns-line-feed', san(dns('san-dns\nline-feed')), 'a line feed in a dNSName'),
    bad('san-dns-nul', san(dns('san-dns-nul\0.example')), 'NUL in a dNSName'),
    bad('san-dns-space', san(dns('san-dns space')), 'a space in a dNSName'),
    bad('san-dns-high-octet', san(dns('san-dns-\u00e9')), 'an octet above 127 in a dNSName'),
    bad('san-ip-5-octets', san(field(7, hex('c000020100'))), 'an iPAddress of five octets'),
    bad(
      'san-ip-with-mask',
      san(field(7, hex('c0000200ffffff00'))),
      'an iPAddress with a mask, as name constraints have it',
    ),
  ];
}

function others(): readonly Vector[] {
  const example = (octetCount: number) => extension(ID.example, octets(Buffer.alloc(octetCount, 0x5a)));
  const caTrue = seq(extension(ID.basicConstraints, seq(TRUE)));
  const constraints = seq(group(0, seq(field(2, Buffer.from('example')))));
  const policies = seq(seq(oid(ID.anyPolicy)));
  const keyId = seq(field(0, Buffer.alloc(20, 0x11)));
  const staple = seq(integer(5n));
  const statement = 'RFC 5280, 4.2; the profile lists what it grants';
  return [
    ignored(
      'ext-subject-key-identifier',
      extension(ID.subjectKeyIdentifier, octets(Buffer.alloc(20, 0x11))),
      'a subjectKeyIdentifier of its own choice',
      'RFC 5280, 4.2.1.2',
    ),
    notGranted(
      'ext-authority-key-identifier',
      extension(ID.authorityKeyIdentifier, keyId),
      'an authorityKeyIdentifier',
      'RFC 5280, 4.2.1.1',
    ),
    notGranted(
      'ext-name-constraints',
      criticalExtension(ID.nameConstraints, constraints),
      'nameConstraints',
      'RFC 5280, 4.2.1.10',
    ),
    notGranted('ext-policies', extension(ID.certificatePolicies, policies), 'anyPolicy', 'RFC 5280, 4.2.1.4'),
    notGranted(
      'ext-ct-poison',
      criticalExtension(ID.ctPoison, nothing()),
      'the poison of a precertificate',
      'RFC 6962, 3.1',
    ),
    notGranted(
      'ext-must-staple',
      extension(ID.tlsFeature, staple),
      'a TLS feature (must-staple)',
      'RFC 7633, 4',
    ),
    notGranted(
      'ext-ocsp-nocheck',
      extension(ID.ocspNoCheck, nothing()),
      'ocsp-nocheck',
      'RFC 6960, 4.2.2.2.1',
    ),
    notGranted('ext-unknown', extension(ID.example, utf8('hello')), 'an unknown extension', statement),
    notGranted(
      'ext-unknown-critical',
      criticalExtension(ID.example, utf8('hello')),
      'an unknown critical extension',
      statement,
    ),
    notGranted(
      'ext-unknown-not-der',
      extension(ID.example, tlv(0x30, hex('30')).subarray(0, 1)),
      'an unknown extension whose value is no DER',
      statement,
      'bad-csr',
      'bad-der',
    ),
    notGranted(
      'ext-unknown-20000-octets',
      example(20_000),
      'an unknown extension of 20,000 octets',
      statement,
      'too-large',
    ),
    refuses('ext-unknown-60000-octets', 'too-large', asking(example(60_000)), {
      why: 'asks for an unknown extension of 60,000 octets',
      clause: statement,
      alsoCodes: ['extension-not-granted'],
    }),
    refuses(
      'ext-microsoft-ca-true',
      'extension-not-granted',
      { attributes: [attribute(ID.microsoftExtensionRequest, caTrue)] },
      { why: 'asks for CA:TRUE through the older attribute', clause: 'MS-WCCE, 2.2.2.7.7.4' },
    ),
    takes(
      'ext-microsoft-ca-false',
      { attributes: [attribute(ID.microsoftExtensionRequest, seq(extension(ID.basicConstraints, seq())))] },
      {
        warnings: 1,
        why: 'CA:FALSE through the older attribute: ignored with a warning',
        clause: 'MS-WCCE, 2.2.2.7.7.4',
      },
    ),
    refuses(
      'ext-ca-true-among-harmless',
      'extension-not-granted',
      asking(
        extension(ID.keyUsage, bits(hex('80'), 7)),
        extension(ID.basicConstraints, seq(TRUE)),
        extension(ID.extendedKeyUsage, seq(oid(ID.clientAuth))),
      ),
      { why: 'asks for CA:TRUE between two harmless extensions', clause: 'RFC 5280, 4.2.1.9' },
    ),
    takes(
      'ext-usual',
      asking(
        extension(ID.basicConstraints, seq()),
        extension(ID.keyUsage, bits(hex('80'), 7)),
        extension(ID.extendedKeyUsage, seq(oid(ID.clientAuth))),
        extension(ID.subjectAltName, seq(field(2, Buffer.from('ext-usual')))),
      ),
      { warnings: 4, why: 'what OpenSSL asks for by habit: four wishes, four warnings', clause: statement },
    ),
  ];
}

/** What a request asks to have in its certificate. */
export const extensionCases = (): readonly Vector[] => [
  ...basicConstraints(),
  ...usages(),
  ...alternativeNames(),
  ...others(),
];
