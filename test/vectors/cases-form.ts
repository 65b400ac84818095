import { certificateOf } from './certificate.ts';
import {
  attribute,
  attributeValue,
  commonName,
  contentOf,
  csr,
  extension,
  extensionRequest,
  infoOf,
  requestInfo,
} from './csr.ts';
import { bits, group, hex, integer, nothing, octets, oid, printable, seq, set, tlv, utf8 } from './der.ts';
import { ecKey } from './keys-ec.ts';
import { ID } from './oids.ts';
import { pkcs8Of } from './pkcs8.ts';
import { refused, takes, type Vector } from './vector.ts';

const structure = (stem: string, bytes: Buffer, why: string, clause: string): Vector =>
  refused(`${stem}.der`, 'bad-csr', bytes, { why, clause, alsoCodes: ['bad-der'] });

function otherThings(): readonly Vector[] {
  return [
    structure('not-a-request-certificate', certificateOf('not-a-request'), 'a certificate', 'RFC 2986, 4'),
    structure(
      'not-a-request-private-key',
      pkcs8Of(ecKey('not-a-request')),
      'a private key in DER: it must appear in no log, message or database',
      'RFC 2986, 4',
    ),
    structure('not-a-request-empty-sequence', seq(), 'an empty SEQUENCE', 'RFC 2986, 4'),
    refused('not-a-request-set.der', 'bad-csr', tlv(0x31, contentOf(csr('der-base'))), {
      why: 'the outer SEQUENCE is a SET',
      clause: 'RFC 2986, 4.2',
      alsoCodes: ['bad-der', 'bad-pem'],
    }),
    structure(
      'not-a-request-info-alone',
      requestInfo('not-a-request'),
      'the signed part without a signature',
      'RFC 2986, 4.2',
    ),
    refused('empty.der', 'bad-der', Buffer.alloc(0), {
      why: 'no octets at all',
      clause: 'RFC 2986, 4',
      alsoCodes: ['bad-csr', 'bad-pem', 'bad-request'],
    }),
    refused('zeros.der', 'bad-der', Buffer.alloc(64), {
      why: 'zeros',
      clause: 'RFC 2986, 4',
      alsoCodes: ['bad-csr', 'bad-pem'],
    }),
  ];
}

/** Faults of the request's own form (RFC 2986). */
function forms(): readonly Vector[] {
  const clause = 'RFC 2986, 4.1';
  const bc = extension(ID.basicConstraints, seq());
  const version = (stem: string, value: Buffer, why: string) =>
    structure(stem, infoOf(stem, { version: value }), why, clause);
  const attributes = (stem: string, field: Buffer, why: string) =>
    structure(stem, infoOf(stem, { attributes: field }), why, clause);
  return [
    version('csr-version-1', integer(1n), 'the version is 1'),
    version('csr-version-2', integer(2n), 'the version is 2'),
    version('csr-version-negative', hex('0201ff'), 'the version is −1'),
    version('csr-version-2-to-the-64', integer(1n << 64n), 'the version is 2^64'),
    version('csr-version-enumerated', hex('0a0100'), 'the version is an ENUMERATED'),
    attributes(
      'csr-without-attributes',
      Buffer.alloc(0),
      'the attributes field is missing; it may be empty, not absent',
    ),
    attributes('csr-attributes-tag-1', group(1), 'the attributes field has the tag [1]'),
    attributes('csr-attributes-primitive', hex('8000'), 'the attributes field is primitive'),
    attributes(
      'csr-attribute-value-not-set',
      group(0, seq(oid(ID.challengePassword), printable('secret'))),
      "an attribute's values stand in no SET",
    ),
    attributes(
      'csr-attribute-empty-set',
      group(0, seq(oid(ID.challengePassword), set())),
      'an attribute has no value',
    ),
    attributes(
      'csr-attribute-three-parts',
      group(0, seq(oid(ID.challengePassword), set(printable('secret')), nothing())),
      'an attribute has a third part',
    ),
    attributes(
      'csr-extensions-empty-set',
      group(0, seq(oid(ID.extensionRequest), set())),
      'extensionRequest has no value',
    ),
    attributes(
      'csr-extensions-two-values',
      group(0, attribute(ID.extensionRequest, seq(bc), seq(extension(ID.keyUsage, bits(hex('80'), 7))))),
      'extensionRequest has two values',
    ),
    attributes('csr-extensions-empty-list', group(0, extensionRequest()), 'the list of extensions is empty'),
    attributes(
      'csr-extensions-twice',
      group(0, extensionRequest(bc), extensionRequest(extension(ID.keyUsage, bits(hex('80'), 7)))),
      'two extensionRequest attributes',
    ),
    attributes(
      'csr-extensions-two-kinds',
      group(
        0,
        extensionRequest(bc),
        attribute(ID.microsoftExtensionRequest, seq(extension(ID.keyUsage, bits(hex('80'), 7)))),
      ),
      'extensions in the standard attribute and in the older one',
    ),
    attributes('csr-extension-twice', group(0, extensionRequest(bc, bc)), 'one extension stands twice'),
    attributes(
      'csr-extension-twice-differing',
      group(0, extensionRequest(bc, extension(ID.basicConstraints, seq(hex('0101ff'))))),
      'CA:FALSE first, CA:TRUE second',
    ),
    attributes(
      'csr-extension-default-spelled',
      group(0, extensionRequest(seq(oid(ID.basicConstraints), hex('010100'), octets(seq())))),
      'critical FALSE is spelled out, which DER leaves out',
    ),
    structure(
      'csr-empty-rdn',
      infoOf('csr-empty-rdn', {
        subject: seq(set(), set(attributeValue(ID.commonName, utf8('csr-empty-rdn')))),
      }),
      'an RDN is empty',
      'RFC 5280, 4.1.2.4',
    ),
    structure(
      'csr-rdn-sequence',
      infoOf('csr-rdn-sequence', { subject: seq(seq(commonName('csr-rdn-sequence'))) }),
      'an RDN is a SEQUENCE',
      'RFC 5280, 4.1.2.4',
    ),
    structure(
      'csr-rdn-three-parts',
      infoOf('csr-rdn-three-parts', {
        subject: seq(set(seq(oid(ID.commonName), utf8('csr-rdn-three-parts'), nothing()))),
      }),
      'an attribute of the subject has a third part',
      'RFC 5280, 4.1.2.4',
    ),
    takes(
      'csr-challenge-password',
      { attributes: [attribute(ID.challengePassword, printable('secret'))] },
      { why: 'a challengePassword is ignored', clause: 'RFC 2985, 5.4.1' },
    ),
    takes(
      'csr-unknown-attribute',
      { attributes: [attribute(ID.example, utf8('anything'))] },
      { why: 'an unknown attribute is ignored', clause: 'RFC 2986, 4.1' },
    ),
    takes(
      'csr-two-attributes',
      { attributes: [attribute(ID.challengePassword, utf8('secret')), extensionRequest(bc)] },
      { why: 'a challengePassword beside requested extensions', clause: 'RFC 2985, 5.4' },
    ),
  ];
}

/** Good DER that is no request, or not quite one. */
export const formCases = (): readonly Vector[] => [...otherThings(), ...forms()];
