import { describe, expect, it } from 'vitest';
import {
  encodeElement,
  encodeOid,
  encodeSequence,
  encodeSetOf,
  encodeUtf8String,
  OID,
  TAG,
} from '../../src/asn1/index.ts';
import { deriveDeviceId } from '../../src/gateway/index.ts';
import { makeCertificate, makeShop } from '../support/gateway-shop.ts';
import { opensslFolder } from '../support/openssl.ts';

const shop = makeShop();

type Value = string | { readonly tag: number; readonly octets: Buffer };
type Rdn = readonly (readonly [string, Value])[];

const nameOf = (...rdns: readonly Rdn[]): Uint8Array =>
  encodeSequence(
    ...rdns.map((rdn) =>
      encodeSetOf(
        ...rdn.map(([type, value]) =>
          encodeSequence(
            encodeOid(type),
            typeof value === 'string' ? encodeUtf8String(value) : encodeElement(value.tag, value.octets),
          ),
        ),
      ),
    ),
  );
const cn = (value: Value): Rdn => [[OID.commonName, value]];
const o = (value: Value): Rdn => [[OID.organizationName, value]];
const derive = (...rdns: readonly Rdn[]) => deriveDeviceId(shop.device(nameOf(...rdns)).der);

describe('the device ID', () => {
  it('is the common name where it stands alone, without a warning', () => {
    expect(derive(cn('VIN-0001'))).toEqual({ deviceId: 'VIN-0001', subject: 'CN=VIN-0001', warnings: [] });
  });

  it('is the common name where other attributes come after it in the DER', () => {
    expect(derive(cn('VIN-0001'), o('Cars'))).toEqual({
      deviceId: 'VIN-0001',
      subject: 'O=Cars,CN=VIN-0001',
      warnings: [],
    });
  });

  it('takes in what comes before the common name in the DER, as the order C, ST, O, CN has it', () => {
    const { deviceId, warnings } = derive([[OID.countryName, 'DE']], o('Cars'), cn('VIN-0001'));
    expect(deviceId).toBe('VIN-0001,O=Cars,C=DE');
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('who reads the common name takes "VIN-0001"');
  });

  it('begins at the first CN= of the line, also where that stands in another value', () => {
    expect(derive(cn('VIN-0001'), o('xCN=y')).deviceId).toBe('y,CN=VIN-0001');
  });

  it('of two common names is the last with the first behind it, and says whom others take', () => {
    const { deviceId, warnings } = derive(cn('first'), cn('second'));
    expect(deviceId).toBe('second,CN=first');
    expect(warnings.join('\n')).toContain('the client and HAProxy take the first, "first"');
    expect(warnings.join('\n')).toContain('other gateways the last, "second"');
  });

  it('has escapes where the common name is not ASCII', () => {
    const { deviceId, warnings } = derive(cn('Gerät'));
    expect(deviceId).toBe('Ger\\C3\\A4t');
    expect(warnings[0]).toContain('takes the ID with escapes');
  });

  it('is empty where there is no common name', () => {
    const { deviceId, warnings } = derive(o('Cars'));
    expect(deviceId).toBe('');
    expect(warnings[0]).toContain('no common name');
  });

  it('of a common name as BMPString is read here, and warned of: the client reads an empty one', () => {
    const octets = Buffer.from('VIN-1', 'utf16le').swap16();
    const { deviceId, warnings } = derive(cn({ tag: TAG.bmpString, octets }));
    expect(deviceId).toBe('VIN-1');
    expect(warnings[0]).toContain('neither UTF8String nor PrintableString');
  });

  it('that would change a path is warned of', () => {
    expect(derive(cn('../etc')).warnings.join()).toContain('segment of a path');
  });

  it('of what is no certificate is empty', () => {
    expect(deriveDeviceId(Uint8Array.of(0x30, 0)).deviceId).toBe('');
  });
});

describe('the subject on one line', () => {
  const openssl = opensslFolder();
  const odd: readonly (readonly [string, readonly Rdn[]])[] = [
    ['quotes, commas and the like', [cn('a"b+c,d;e<f>g\\h=i')]],
    ['a hash and spaces at the edges', [cn('#a '), o(' b#'), o('#'), o(' ')]],
    ['control characters and DEL', [cn('a\u0001b\u007fc')]],
    ['what is beyond ASCII', [cn('é€𝄞')]],
    [
      'an RDN of several attributes',
      [
        [
          [OID.commonName, 'a'],
          [OID.organizationName, 'b'],
          [OID.userId, 'c'],
        ],
      ],
    ],
    ['an attribute that nobody knows', [[['1.2.3.4.5', 'x']], cn('a')]],
    [
      'T.61 and UniversalString',
      [
        cn({ tag: TAG.teletexString, octets: Buffer.from([0x41, 0xe4]) }),
        o({ tag: TAG.universalString, octets: Buffer.from([0, 0, 0, 0x42]) }),
      ],
    ],
    ['a value that is no string', [cn('a'), o({ tag: TAG.bitString, octets: Buffer.from([0, 1, 2]) })]],
    [
      'every short name',
      [
        OID.surname,
        OID.serialNumber,
        OID.localityName,
        OID.stateOrProvinceName,
        OID.streetAddress,
        OID.organizationalUnitName,
        OID.title,
        '2.5.4.13',
        '2.5.4.15',
        '2.5.4.17',
        '2.5.4.41',
        '2.5.4.42',
        '2.5.4.43',
        '2.5.4.44',
        '2.5.4.46',
        '2.5.4.65',
        '2.5.4.97',
        OID.domainComponent,
        OID.userId,
        OID.emailAddress,
      ].map((type): Rdn => [[type, 'x']]),
    ],
  ];

  it.each(odd)('is as OpenSSL writes it (RFC2253), with %s', (_what, rdns) => {
    const { pem, der } = makeCertificate({ subject: nameOf(...rdns), issuer: shop.line });
    openssl.write('leaf.pem', pem);
    const said = openssl.run('x509', '-in', 'leaf.pem', '-noout', '-subject', '-nameopt', 'RFC2253');
    expect(deriveDeviceId(der).subject).toBe(said.replace(/^subject=/, '').replace(/\n$/, ''));
  });
});
