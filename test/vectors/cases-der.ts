import type { RefusalCode } from '../../src/errors.ts';
import {
  attribute,
  commonName,
  contentOf,
  csr,
  extension,
  extensionRequest,
  infoOf,
  name,
  partsOf,
  requestInfo,
  signed,
} from './csr.ts';
import {
  bits,
  hex,
  indefinite,
  integer,
  nothing,
  octets,
  oid,
  seq,
  set,
  tlv,
  tlvWithLength,
  utf8,
} from './der.ts';
import { ecKey } from './keys-ec.ts';
import { ID } from './oids.ts';
import { refused, refuses, type Vector } from './vector.ts';

const der = (
  stem: string,
  bytes: Buffer,
  why: string,
  clause: string,
  ...alsoCodes: readonly RefusalCode[]
): Vector => refused(`${stem}.der`, 'bad-der', bytes, { why, clause, alsoCodes });

const cn = (type: Uint8Array, value: Uint8Array): Buffer => seq(set(seq(type, value)));

function lengths(): readonly Vector[] {
  const length = 'X.690, 8.1.3 and 10.1';
  const whole = csr('der-base');
  const inside = contentOf(whole);
  const short = (stem: string) => tlvWithLength(0x0c, Buffer.of(0x81, stem.length), Buffer.from(stem));
  return [
    der(
      'der-long-length',
      tlvWithLength(0x30, hex(`8300${inside.length.toString(16).padStart(4, '0')}`), inside),
      'the outer length has a needless zero octet',
      length,
    ),
    der(
      'der-long-length-short-value',
      infoOf('der-long-length-short-value', {
        subject: cn(oid(ID.commonName), short('der-long-length-short-value')),
      }),
      'a length below 128 stands in the long form',
      length,
    ),
    der('der-indefinite-outer', indefinite(0x30, inside), 'the outer length is indefinite', length),
    der(
      'der-indefinite-info',
      signed('der-indefinite-info', indefinite(0x30, contentOf(requestInfo('der-indefinite-info')))),
      'the length of the signed part is indefinite',
      length,
    ),
    der(
      'der-indefinite-subject',
      infoOf('der-indefinite-subject', { subject: indefinite(0x30, contentOf(name(commonName('x')))) }),
      'the length of the subject is indefinite',
      length,
    ),
    der('der-length-4-gib', tlvWithLength(0x30, hex('84ffffffff'), inside), 'a length claims 4 GiB', length),
    der(
      'der-length-2-to-the-63',
      tlvWithLength(0x30, hex('887fffffffffffffff'), inside),
      'a length claims 2^63 − 1 octets',
      length,
    ),
    der(
      'der-length-reserved',
      tlvWithLength(0x30, hex('ff'), inside),
      'the first length octet is the reserved one',
      'X.690, 8.1.3.5',
    ),
    der(
      'der-length-one-more',
      tlvWithLength(0x30, hex(`82${(inside.length + 1).toString(16).padStart(4, '0')}`), inside),
      'the outer length claims one octet more than there is',
      length,
      'bad-csr',
    ),
    ...[1, 2, 3, 10, 100, whole.length - 1].map((at) =>
      der(`der-cut-${at}`, whole.subarray(0, at), `the request ends after ${at} octets`, 'X.690, 8.1'),
    ),
  ];
}

function trailing(): readonly Vector[] {
  const whole = csr('der-base');
  const after = 'RFC 2986, 4; X.690, 8.1';
  const { version, subject, spki, attributes } = partsOf('der-trailing-in-info');
  const key = ecKey('der-trailing-after-signature');
  const info = requestInfo('der-trailing-after-signature');
  const extra = seq(contentOf(ecKey('der-trailing-in-key').spki), nothing());
  return [
    der('der-trailing-octet', Buffer.concat([whole, hex('00')]), 'an octet follows the request', after),
    der('der-trailing-newline', Buffer.concat([whole, hex('0a')]), 'a line feed follows the request', after),
    der('der-two-requests', Buffer.concat([whole, whole]), 'a second request follows', after),
    der(
      'der-trailing-in-info',
      signed('der-trailing-in-info', seq(version, subject, spki, attributes, nothing())),
      'an element follows the attributes',
      after,
      'bad-csr',
    ),
    der(
      'der-trailing-after-signature',
      seq(info, key.algorithm, bits(key.sign(info)), nothing()),
      'an element follows the signature',
      after,
      'bad-csr',
    ),
    der(
      'der-trailing-in-key',
      infoOf('der-trailing-in-key', { spki: extra }),
      'an element follows the key bits',
      'RFC 5280, 4.1',
      'bad-key',
      'bad-csr',
    ),
  ];
}

function primitives(): readonly Vector[] {
  const label = (stem: string): Buffer => utf8(stem);
  const key = (stem: string, spki: Buffer) => infoOf(stem, { spki });
  const split = tlv(0x24, octets(hex('30')), octets(hex('00')));
  const half = (stem: string) => tlv(0x2c, utf8(stem.slice(0, 4)), utf8(stem.slice(4)));
  const base = ecKey('der-constructed-signature');
  const info = requestInfo('der-constructed-signature');
  const signature = base.sign(info);
  return [
    der(
      'der-constructed-string',
      infoOf('der-constructed-string', { subject: cn(oid(ID.commonName), half('der-constructed-string')) }),
      'the CN is a constructed string',
      'X.690, 10.2',
    ),
    der(
      'der-constructed-octets',
      csr('der-constructed-octets', { attributes: [extensionRequest(seq(oid(ID.basicConstraints), split))] }),
      'an extension stands in a constructed OCTET STRING',
      'X.690, 10.2',
      'bad-csr',
    ),
    der(
      'der-constructed-signature',
      seq(info, base.algorithm, tlv(0x23, bits(signature.subarray(0, 30)), bits(signature.subarray(30)))),
      'the signature is a constructed BIT STRING',
      'X.690, 10.2',
      'bad-csr',
    ),
    der(
      'der-boolean-01',
      csr('der-boolean-01', {
        attributes: [extensionRequest(seq(oid(ID.basicConstraints), hex('010101'), octets(seq())))],
      }),
      'TRUE is written as 01',
      'X.690, 11.1',
      'bad-csr',
    ),
    der(
      'der-boolean-01-in-extension',
      csr('der-boolean-01-in-extension', {
        attributes: [extensionRequest(extension(ID.basicConstraints, seq(hex('010101'))))],
      }),
      'CA:TRUE is written as 01',
      'X.690, 11.1',
      'bad-csr',
      'extension-not-granted',
    ),
    der(
      'der-boolean-long',
      csr('der-boolean-long', {
        attributes: [extensionRequest(seq(oid(ID.basicConstraints), hex('0102ffff'), octets(seq())))],
      }),
      'a BOOLEAN has two octets',
      'X.690, 8.2.1',
      'bad-csr',
    ),
    der(
      'der-padded-version',
      infoOf('der-padded-version', { version: hex('02020000') }),
      'the version has a needless zero octet',
      'X.690, 8.3.2',
    ),
    der(
      'der-empty-integer',
      infoOf('der-empty-integer', { version: hex('0200') }),
      'the version has no octets',
      'X.690, 8.3.1',
    ),
    der(
      'der-null-with-content',
      key(
        'der-null-with-content',
        seq(seq(oid(ID.rsaEncryption), hex('050100')), bits(seq(integer(1n << 2047n), integer(65537n)))),
      ),
      'NULL has content',
      'X.690, 8.8.2',
      'bad-key',
    ),
    der(
      'der-unused-bits-8',
      key(
        'der-unused-bits-8',
        seq(
          contentOf(ecKey('der-unused-bits-8').spki).subarray(0, 21),
          bits(ecKey('der-unused-bits-8').point, 8),
        ),
      ),
      'a BIT STRING declares eight unused bits',
      'X.690, 8.6.2.2',
      'bad-key',
    ),
    der(
      'der-unused-bits-set',
      key(
        'der-unused-bits-set',
        seq(
          contentOf(ecKey('der-unused-bits-set').spki).subarray(0, 21),
          bits(Buffer.concat([ecKey('der-unused-bits-set').point, hex('ff')]), 4),
        ),
      ),
      'unused bits are not zero',
      'X.690, 11.2.1',
      'bad-key',
    ),
    der(
      'der-unused-bits-of-nothing',
      key(
        'der-unused-bits-of-nothing',
        seq(contentOf(ecKey('der-unused-bits-of-nothing').spki).subarray(0, 21), hex('030104')),
      ),
      'an empty BIT STRING declares unused bits',
      'X.690, 8.6.2.3',
      'bad-key',
    ),
    der(
      'der-bit-string-empty',
      key(
        'der-bit-string-empty',
        seq(contentOf(ecKey('der-bit-string-empty').spki).subarray(0, 21), hex('0300')),
      ),
      'a BIT STRING lacks its count of unused bits',
      'X.690, 8.6.2.1',
      'bad-key',
    ),
    der(
      'der-oid-padded',
      infoOf('der-oid-padded', { subject: cn(hex('060455048003'), label('der-oid-padded')) }),
      'commonName hides behind a padded identifier',
      'X.690, 8.19.2',
    ),
    der(
      'der-oid-cut',
      infoOf('der-oid-cut', { subject: cn(hex('0603550483'), label('der-oid-cut')) }),
      'an identifier ends in the middle of an arc',
      'X.690, 8.19.2',
    ),
    der(
      'der-oid-empty',
      infoOf('der-oid-empty', { subject: cn(hex('0600'), label('der-oid-empty')) }),
      'an identifier has no octets',
      'X.690, 8.19.2',
    ),
    der(
      'der-high-tag-form',
      infoOf('der-high-tag-form', {
        subject: cn(oid(ID.commonName), Buffer.concat([hex('1f0c03'), Buffer.from('abc')])),
      }),
      'a tag below 31 stands in the form for high ones',
      'X.690, 8.1.2.2',
    ),
    der(
      'der-primitive-sequence',
      infoOf('der-primitive-sequence', { subject: tlv(0x10, contentOf(name(commonName('x')))) }),
      'the subject is a primitive SEQUENCE',
      'X.690, 8.9.1',
      'bad-csr',
    ),
  ];
}

const nested = (depth: number): Buffer => {
  let element = nothing();
  for (let i = 0; i < depth; i++) element = seq(element);
  return element;
};

function limits(): readonly Vector[] {
  const many = Array.from({ length: 5000 }, () => nothing());
  const long = tlv(0x06, Buffer.from([0x2b, ...Array.from({ length: 300 }, () => 0xff), 0x7f]));
  return [
    refuses(
      'limit-nested-100',
      'bad-der',
      { attributes: [attribute(ID.example, nested(100))] },
      { why: 'an attribute is nested 100 deep', clause: 'our limit', alsoCodes: ['bad-csr'] },
    ),
    der('limit-nested-1000', nested(1000), 'nothing but a nest of 1000 SEQUENCEs', 'our limit', 'bad-csr'),
    refuses(
      'limit-elements-5000',
      'bad-der',
      { attributes: [attribute(ID.example, seq(...many))] },
      { why: 'an attribute holds 5000 elements', clause: 'our limit', alsoCodes: ['bad-csr', 'too-large'] },
    ),
    der(
      'limit-long-oid',
      csr('limit-long-oid', { attributes: [extensionRequest(seq(long, octets(nothing())))] }),
      'an identifier of 302 octets with an arc above 2^2000',
      'our limit',
      'bad-csr',
      'extension-not-granted',
    ),
  ];
}

/** What is not DER, or more of it than is taken. */
export const derCases = (): readonly Vector[] => [...lengths(), ...trailing(), ...primitives(), ...limits()];
