import fc from 'fast-check';
import { expect, it } from 'vitest';
import { OID } from '../../src/asn1/index.ts';
import {
  crlNumberOf,
  encodeAuthorityKeyIdentifier,
  encodeCrlNumber,
  encodeName,
  encodeRevokedEntries,
  encodeTbsCertList,
  parseTbsCertList,
  REVOCATION_REASONS,
  type RevocationReason,
  readRevokedEntries,
} from '../../src/x509/index.ts';
import { codeOf } from '../support/refusal.ts';

const reasons = Object.keys(REVOCATION_REASONS) as RevocationReason[];
const issuer = encodeName([{ type: OID.commonName, value: 'demo' }]);
const at = new Date('2026-06-01T12:00:00Z');

const serial = fc
  .uint8Array({ minLength: 16, maxLength: 16 })
  .map((octets) => Uint8Array.from(octets, (octet, i) => (i === 0 ? (octet & 0x3f) | 0x40 : octet)));
const entry = fc.record({
  serial,
  // 2050 and later are written as GeneralizedTime.
  revokedAt: fc.integer({ min: 0, max: 4_000_000_000 }).map((seconds) => new Date(seconds * 1000)),
  reason: fc.constantFrom(...reasons),
});

const tbsOf = (entries: Uint8Array, number = 7) =>
  encodeTbsCertList({
    algorithm: 'ecdsa-with-SHA256',
    issuer,
    thisUpdate: at,
    nextUpdate: new Date(at.getTime() + 1000),
    entries: [entries],
    extensions: [
      {
        oid: OID.authorityKeyIdentifier,
        critical: false,
        value: encodeAuthorityKeyIdentifier(new Uint8Array(20)),
      },
      { oid: OID.crlNumber, critical: false, value: encodeCrlNumber(number) },
    ],
  });

const plain = (entries: Iterable<{ serial: Uint8Array; revokedAt: Date; reason: string }>) =>
  [...entries].map((one) => ({ ...one, serial: Buffer.from(one.serial).toString('hex') }));

it('entries come back as they went in, whatever the reason and the year', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 20 }), (entries) => {
      const { entries: octets } = parseTbsCertList(tbsOf(encodeRevokedEntries(entries)));
      expect(plain(readRevokedEntries(octets))).toEqual(plain(entries));
    }),
  );
});

it('a list of nothing is left out, as RFC 5280, 5.1.2.6, wants it', () => {
  const empty = parseTbsCertList(tbsOf(new Uint8Array(0)));
  expect(empty.entries).toHaveLength(0);
  const one = encodeRevokedEntries([{ serial: Uint8Array.of(1), revokedAt: at, reason: 'superseded' }]);
  expect(tbsOf(one).length).toBeGreaterThan(tbsOf(new Uint8Array(0)).length + one.length);
});

it('a reason that says nothing is left out, as RFC 5280, 5.3.1, wants it', () => {
  const of = (reason: RevocationReason) =>
    encodeRevokedEntries([{ serial: Uint8Array.of(1), revokedAt: at, reason }]);
  expect(Buffer.from(of('keyCompromise')).includes(Buffer.from('0603551d15', 'hex'))).toBe(true);
  expect(Buffer.from(of('unspecified')).includes(Buffer.from('0603551d15', 'hex'))).toBe(false);
});

it('numbers up to 2^53 come back', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (number) => {
      expect(crlNumberOf(parseTbsCertList(tbsOf(new Uint8Array(0), number)))).toBe(number);
    }),
  );
});

it('what is cut off, or followed by something, is refused', () => {
  const tbs = tbsOf(
    encodeRevokedEntries([{ serial: Uint8Array.of(9), revokedAt: at, reason: 'superseded' }]),
  );
  for (let length = 0; length < tbs.length; length++)
    expect(
      codeOf(() => parseTbsCertList(tbs.subarray(0, length))),
      String(length),
    ).toBe('bad-der');
  expect(codeOf(() => parseTbsCertList(Buffer.concat([tbs, Uint8Array.of(0)])))).toBe('bad-der');
});
