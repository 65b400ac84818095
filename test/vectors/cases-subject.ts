import type { RefusalCode } from '../../src/errors.ts';
import { attributeValue, commonName, name, type RequestParts } from './csr.ts';
import { hex, ia5, integer, octets, printable, seq, setOf, tlv, utf8 } from './der.ts';
import { ID } from './oids.ts';
import { refuses, takes, type Vector } from './vector.ts';

const cn = (value: Buffer): RequestParts => ({ subject: name(attributeValue(ID.commonName, value)) });
const bmp = (text: string): Buffer => tlv(0x1e, Buffer.from(text, 'utf16le').swap16());
const ID_CLAUSE = 'device ID rule; RFC 5280, 4.1.2.6';
const STRING_CLAUSE = 'RFC 5280, 4.1.2.4; X.680, 41';

/** A name that is well formed and no device ID. */
const badId = (stem: string, text: string, why: string): Vector =>
  refuses(stem, 'bad-device-id', cn(utf8(text)), { why, clause: ID_CLAUSE });

/** A CN whose octets are outside the string type that it declares. */
const badString = (stem: string, value: Buffer, why: string, clause = STRING_CLAUSE): Vector =>
  refuses(stem, 'bad-device-id', cn(value), { why, clause, alsoCodes: ['bad-csr', 'bad-der'] });

const goodId = (stem: string, deviceId: string, why: string): Vector =>
  takes(stem, cn(utf8(deviceId)), { deviceId, warnings: 0, why, clause: ID_CLAUSE });

const goodString = (stem: string, value: Buffer, deviceId: string, why: string): Vector =>
  takes(stem, cn(value), { deviceId, warnings: 0, why, clause: STRING_CLAUSE });

const missing = (stem: string, subject: Buffer, why: string): Vector =>
  refuses(stem, 'subject-missing-cn', { subject }, { why, clause: 'RFC 5280, 4.1.2.6' });

const several = (
  stem: string,
  subject: Buffer,
  why: string,
  alsoCodes: readonly RefusalCode[] = [],
): Vector =>
  refuses(stem, 'subject-several-cn', { subject }, { why, clause: 'RFC 5280, 4.1.2.6', alsoCodes });

const organization = attributeValue(ID.organization, utf8('Example'));
const serial = attributeValue(ID.serialNumber, printable('4711'));

const counts = (): readonly Vector[] => [
  missing('subject-empty', name(), 'the subject is empty'),
  missing('subject-without-cn', name(organization), 'the subject has an organization and no CN'),
  missing('subject-empty-cn', name(commonName('')), 'the CN is empty'),
  several(
    'subject-two-cn',
    name(commonName('subject-two-cn'), commonName('subject-two-cn-b')),
    'two CNs, each in an RDN of its own',
  ),
  several(
    'subject-two-cn-in-one-rdn',
    seq(setOf(commonName('subject-two-cn-a'), commonName('subject-two-cn-b'))),
    'two CNs in one RDN',
  ),
  several(
    'subject-two-equal-cn',
    name(commonName('subject-two-equal-cn'), commonName('subject-two-equal-cn')),
    'the same CN twice',
  ),
  several(
    'subject-cn-and-empty-cn',
    name(commonName('subject-cn-and-empty-cn'), commonName('')),
    'a CN and an empty one',
    ['subject-missing-cn'],
  ),
];

const dropped = (): readonly Vector[] => {
  const clause = 'RFC 5280, 4.1.2.6; IEEE 802.1AR, 8.6';
  const rdn = (stem: string, attribute: Buffer, what: string): Vector =>
    takes(
      stem,
      { subject: name(attribute, commonName(stem)) },
      { warnings: 1, why: `${what} is dropped with a warning`, clause },
    );
  return [
    rdn('subject-with-organization', organization, 'an organization'),
    rdn('subject-with-country', attributeValue(ID.country, printable('DE')), 'a country'),
    rdn('subject-with-serial-number', serial, 'a serialNumber'),
    takes(
      'subject-with-several-others',
      {
        subject: name(
          attributeValue(ID.country, printable('DE')),
          organization,
          attributeValue(ID.organizationalUnit, utf8('Line 7')),
          serial,
          commonName('subject-with-several-others'),
        ),
      },
      { why: 'C, O, OU and serialNumber are dropped with warnings', clause },
    ),
    takes(
      'subject-multi-valued',
      { subject: seq(setOf(commonName('subject-multi-valued'), serial)) },
      { warnings: 1, why: 'an RDN of CN and serialNumber, as in a factory identity', clause },
    ),
  ];
};

const refusedIds = (): readonly Vector[] => [
  badId('cn-65-characters', 'x'.repeat(65), '65 characters; 64 are the most (ub-common-name)'),
  badId('cn-65-four-octet-characters', '\u{20000}'.repeat(65), '65 characters of four octets each'),
  badId('cn-5000-characters', 'x'.repeat(5000), '5000 characters'),
  badId('cn-line-feed', 'cn-line\nfeed', 'a line feed'),
  badId('cn-crlf', 'cn\r\nSet-Cookie: a=b', 'CR LF and a header'),
  badId('cn-tab', 'cn\ttab', 'a tab'),
  badId('cn-escape', 'cn\u001b[2Jescape', 'a terminal escape'),
  badId('cn-delete', 'cn\u007fdelete', 'DEL'),
  badId('cn-c1-control', 'cn\u0085next-line', 'a control character above ASCII (NEL)'),
  badId('cn-nul', 'cn-nul\0.example', 'NUL, where a C string ends'),
  badId('cn-line-separator', 'cn\u2028separator', 'LINE SEPARATOR, which ends a line for some readers'),
  badId('cn-slash', 'a/b', 'a slash'),
  badId('cn-openssl-one-line', 'x/O=Example/CN=other', 'a name in the old one-line form'),
  badId('cn-traversal', '../../etc/passwd', 'a path out of the folder'),
  badId('cn-absolute-path', '/etc/passwd', 'an absolute path'),
  badId('cn-backslash', 'a\\b', 'a backslash'),
  badId('cn-script-closed', '<script>alert(1)</script>', 'markup with a slash'),
  badId('cn-dot', '.', 'a dot alone'),
  badId('cn-dot-dot', '..', 'two dots alone'),
  badId('cn-leading-dot', '.hidden', 'a dot in front'),
  badId('cn-trailing-dot', 'cn-trailing-dot.', 'a dot at the end'),
  badId('cn-leading-space', ' cn-leading-space', 'a space in front'),
  badId('cn-trailing-space', 'cn-trailing-space ', 'a space at the end'),
  badId('cn-space', ' ', 'nothing but a space'),
  badId('cn-right-to-left-override', 'cn-\u202egnp.exe', 'a bidirectional override'),
  badId('cn-bidi-isolate', 'cn-\u2066isolate\u2069', 'bidirectional isolates'),
  badId('cn-zero-width-space', 'cn-zero\u200bwidth', 'a zero-width space'),
  badId('cn-zero-width-joiner', 'cn-zero\u200dwidth', 'a zero-width joiner'),
  badId('cn-soft-hyphen', 'cn\u00adsoft', 'a soft hyphen'),
  badId('cn-byte-order-mark', '\ufeffcn-byte-order-mark', 'a byte order mark'),
  badId('cn-tag-character', 'cn-tag\u{e0041}', 'a character of the invisible tag block'),
  badId('cn-not-nfc', 'cn-cafe\u0301', 'a decomposed letter: not NFC'),
  badId('cn-not-nfc-singleton', 'cn-\u212b', 'ANGSTROM SIGN, which NFC turns into a letter'),
];

const strings = (): readonly Vector[] => [
  badString('cn-printable-at', printable('cn@printable'), 'a PrintableString with @'),
  badString('cn-printable-underscore', printable('cn_printable'), 'a PrintableString with an underscore'),
  badString('cn-printable-high-octet', tlv(0x13, hex('636ee9')), 'a PrintableString with an octet above 127'),
  badString('cn-ia5-high-octet', ia5('cn-\u00e9'), 'an IA5String with an octet above 127'),
  badString('cn-utf8-overlong', tlv(0x0c, hex('61c0af62')), 'a slash as an overlong sequence', 'RFC 3629, 3'),
  badString('cn-utf8-overlong-nul', tlv(0x0c, hex('61c08062')), 'NUL as an overlong sequence', 'RFC 3629, 3'),
  badString('cn-utf8-surrogate', tlv(0x0c, hex('61eda08062')), 'a lone surrogate', 'RFC 3629, 3'),
  badString(
    'cn-utf8-surrogate-pair',
    tlv(0x0c, hex('61eda0bdedb88062')),
    'a pair of surrogates (CESU-8)',
    'RFC 3629, 3',
  ),
  badString('cn-utf8-too-high', tlv(0x0c, hex('61f4908080')), 'a character above U+10FFFF', 'RFC 3629, 3'),
  badString('cn-utf8-cut', tlv(0x0c, hex('61e282')), 'a sequence that is cut off', 'RFC 3629, 3'),
  badString(
    'cn-latin1-as-utf8',
    tlv(0x0c, Buffer.from('cn-caf\u00e9', 'latin1')),
    'Latin-1 declared as UTF-8',
    'RFC 3629, 3',
  ),
  badString('cn-bmp-odd-length', tlv(0x1e, hex('00630064ff')), 'a BMPString of odd length'),
  badString('cn-bmp-surrogate', tlv(0x1e, hex('0063d800')), 'a BMPString with a lone surrogate'),
  badString('cn-bmp-line-feed', bmp('cn\nbmp'), 'a BMPString with a line feed'),
  badString(
    'cn-teletex-high-octet',
    tlv(0x14, Buffer.from('cn-t61-\u00e9', 'latin1')),
    'a TeletexString above ASCII, which programs read in different ways',
  ),
  badString(
    'cn-universal',
    tlv(0x1c, ...[...'cn-universal'].map((c) => Buffer.from(`000000${c.charCodeAt(0).toString(16)}`, 'hex'))),
    'a UniversalString, which nobody makes',
  ),
  badString(
    'cn-universal-odd-length',
    tlv(0x1c, hex('0000006300')),
    'a UniversalString that is no multiple of four octets',
  ),
  badString('cn-integer', integer(4711n), 'the CN is an INTEGER', 'RFC 5280, 4.1.2.4'),
  badString(
    'cn-octet-string',
    octets(Buffer.from('cn-octet-string')),
    'the CN is an OCTET STRING',
    'RFC 5280, 4.1.2.4',
  ),
  badString('cn-sequence', seq(utf8('cn-sequence')), 'the CN is a SEQUENCE', 'RFC 5280, 4.1.2.4'),
  goodString(
    'cn-printable',
    printable("cn-printable '()+,-.:=?"),
    "cn-printable '()+,-.:=?",
    'a PrintableString with every sign that it may hold but the slash',
  ),
  goodString('cn-bmp', bmp('cn-bmp-\u00e9\u4e16'), 'cn-bmp-\u00e9\u4e16', 'a BMPString'),
  goodString(
    'cn-teletex-ascii',
    tlv(0x14, Buffer.from('cn-teletex-ascii')),
    'cn-teletex-ascii',
    'a TeletexString of ASCII characters',
  ),
];

const acceptedIds = (): readonly Vector[] => [
  goodId('cn-64-characters', 'x'.repeat(64), '64 characters'),
  goodId(
    'cn-64-four-octet-characters',
    '\u{20000}'.repeat(64),
    '64 characters of four octets each: characters are counted, not octets',
  ),
  goodId('cn-one-character', 'x', 'one character'),
  goodId('cn-proto', '__proto__', 'a name that pollutes careless objects'),
  goodId('cn-constructor', 'constructor', 'a name that every object has'),
  goodId('cn-to-string', 'toString', 'a name that every object has'),
  goodId('cn-sql', "'; DROP TABLE devices;--", 'SQL'),
  goodId('cn-markup', '<script>alert(1)', 'markup'),
  goodId('cn-attribute-break-out', '"onmouseover="alert(1)', 'a quote that ends an attribute'),
  goodId('cn-formula', '=1+1', 'a spreadsheet formula'),
  goodId('cn-formula-at', '@SUM(1)', 'a spreadsheet formula'),
  goodId('cn-csv', 'a,"b",c', 'commas and quotes'),
  goodId('cn-dos-device', 'CON', 'a device name of DOS'),
  goodId('cn-colon', 'C:x', 'a drive, or an alternate stream'),
  goodId('cn-star', '*.example', 'a wildcard'),
  goodId('cn-option', '-rf', 'a command-line option'),
  goodId('cn-shell', '$(reboot)`id`', 'shell syntax'),
  goodId('cn-percent', '%2e%2e', 'two dots in URL form'),
  goodId('cn-percent-slash', 'a%2fb', 'a slash in URL form'),
  goodId('cn-second-rdn', ',CN=other', 'a second RDN in text form'),
  goodId('cn-second-attribute', '+OU=x', 'a second attribute in text form'),
  goodId('cn-null-word', 'null', 'the word null'),
  goodId('cn-inner-space', 'cn inner space', 'spaces inside'),
  goodId('cn-nfc', 'cn-caf\u00e9', 'a composed letter'),
  goodId('cn-uuid', '0d7cd1a0-5d2b-4c55-9f9e-0f6e6a3b7c11', 'a lower-case UUID'),
];

/** The subject, and the name in it that becomes the device ID. */
export const subjectCases = (): readonly Vector[] => [
  ...counts(),
  ...dropped(),
  ...refusedIds(),
  ...strings(),
  ...acceptedIds(),
];
