import { describe, expect, it } from 'vitest';
import { parseTrust, trustWarnings } from '../../src/gateway/index.ts';
import { makeCertificate, makeShop } from '../support/gateway-shop.ts';
import { makeCrl } from '../support/openssl-crl.ts';

const { root, line, device } = makeShop();
const trusted = root.pem + line.pem;
const warningsOf = (given: string, crls: string | null, at = new Date()) =>
  trustWarnings(parseTrust({ trusted: given, crls }), at);

describe('what a gateway is to trust', () => {
  it('is read from text with anything round the blocks, and its digest tells changes', () => {
    const plain = parseTrust({ trusted, crls: null });
    expect(parseTrust({ trusted: `# fleet\r\n${trusted.replaceAll('\n', '\r\n')}`, crls: null }).digest).toBe(
      plain.digest,
    );
    expect(parseTrust({ trusted: root.pem, crls: null }).digest).not.toBe(plain.digest);
  });

  it.each([
    ['nothing', ''],
    ['a key', device('a').key.pkcs8Pem],
    ['a block that is no certificate', '-----BEGIN CERTIFICATE-----\nMAA=\n-----END CERTIFICATE-----\n'],
  ])('is refused where it is %s', (_what, text) => {
    expect(() => parseTrust({ trusted: text, crls: null })).toThrow(
      expect.objectContaining({ code: 'bad-pem' }),
    );
  });
});

describe('a gateway that would refuse its fleet is warned of', () => {
  it('not at all where all is in order', () => {
    expect(warningsOf(trusted, null)).toEqual([]);
    expect(warningsOf(trusted, makeCrl(root, []) + makeCrl(line, []))).toEqual([]);
  });

  it('where a root is for servers alone', () => {
    const manual = makeCertificate({ subject: 'manual', issuer: null, ca: true, purposes: ['serverAuth'] });
    expect(warningsOf(manual.pem, null)).toEqual([expect.stringContaining('not for TLS clients')]);
  });

  it('where a CA has expired, or is not yet valid', () => {
    const at = new Date(Date.now() + 400 * 86_400_000);
    expect(warningsOf(trusted, null, at)).toEqual([expect.stringContaining('CN=line 7 has expired')]);
    expect(warningsOf(root.pem, null, new Date(0))).toEqual([expect.stringContaining('not yet valid')]);
  });

  it('where a CA has no CRL, and another has', () => {
    expect(warningsOf(trusted, makeCrl(root, []))).toEqual([
      expect.stringContaining('there is no CRL of CN=line 7'),
    ]);
  });

  it('where a CRL has expired, and when the last third of its life begins', () => {
    const lists = makeCrl(root, []) + makeCrl(line, [], { fromDays: -3, toDays: 3 });
    const in2Days = new Date(Date.now() + 2 * 86_400_000);
    const in4Days = new Date(Date.now() + 4 * 86_400_000);
    expect(warningsOf(trusted, lists)).toEqual([]);
    expect(warningsOf(trusted, lists, in2Days)).toEqual([expect.stringContaining('time for the next one')]);
    expect(warningsOf(trusted, lists, in4Days)).toEqual([
      expect.stringContaining('CRL of CN=line 7 has expired'),
    ]);
  });

  it('where a CA that may not sign CRLs has one', () => {
    const strict = makeCertificate({ subject: 'strict', issuer: null, ca: true, usages: ['keyCertSign'] });
    expect(warningsOf(strict.pem, makeCrl(strict, []))).toEqual([
      expect.stringContaining('may not sign CRLs'),
    ]);
  });
});
