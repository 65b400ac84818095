import { commonName, csr, type KeyPair, name, requestInfo, sealed } from './csr.ts';
import { bits, hex, integer, nothing, octets, oid, seq, tlv, unsignedOctets } from './der.ts';
import { type RsaKey, rsaKey, rsaSpki } from './keys-rsa.ts';
import { ID } from './oids.ts';
import { refused, refuses, type Vector } from './vector.ts';

/** A request under e = 2. Only every fourth message is a square, so the subject carries a number. */
function exponentTwo(stem: string): Buffer {
  const key = rsaKey('rsa-refused', { e: 2n });
  for (let i = 0; ; i++) {
    try {
      return csr(stem, { key, subject: name(commonName(`${stem}-${i}`)) });
    } catch (cause) {
      if (!(cause instanceof RangeError)) throw cause;
    }
  }
}

const weak = (label: string, length: number): Vector =>
  refuses(
    `rsa-${length}`,
    'weak-key',
    { key: rsaKey(label) },
    {
      why: `the modulus has ${length} bits; 2048 are the least`,
      clause: 'NIST SP 800-131A, table 2',
    },
  );

const exponent = (stem: string, key: KeyPair, why: string): Vector =>
  refuses(stem, 'bad-key', { key }, { why, clause: 'NIST SP 800-56B, 6.2; RFC 8017, 3.1' });

const withSpki = (key: RsaKey, spki: Buffer): KeyPair => ({ ...key, spki });

function broken(stem: string, fixture: string, why: string, clause: string): Vector {
  return refuses(stem, 'broken-key', { key: rsaKey(fixture) }, { why, clause, alsoCodes: ['bad-key'] });
}

/** RSA keys that protect nothing, or are none. */
export function rsaCases(): readonly Vector[] {
  const key = rsaKey('rsa-refused');
  const modulus = integer(key.modulus);
  const e = integer(65537n);
  const algorithm = seq(oid(ID.rsaEncryption), nothing());
  const form = 'RFC 8017, A.1.1; RFC 3279, 2.3.1';
  return [
    weak('rsa-1024', 1024),
    weak('rsa-1536', 1536),
    weak('rsa-2040', 2040),
    weak('rsa-2047', 2047),
    refuses(
      'rsa-9216',
      'bad-key',
      { key: rsaKey('rsa-9216') },
      { why: 'the modulus has 9216 bits; 8192 are the most', clause: 'RFC 8017, 3.1' },
    ),
    exponent(
      'rsa-exponent-1',
      rsaKey('rsa-refused', { e: 1n }),
      'e = 1: the padded digest is its own signature, so anybody can make it',
    ),
    refused('rsa-exponent-2.der', 'bad-key', exponentTwo('rsa-exponent-2'), {
      why: 'e = 2: even, though the signature holds',
      clause: 'RFC 8017, 3.1',
    }),
    exponent('rsa-exponent-3', rsaKey('rsa-refused', { e: 3n }), 'e = 3: below 65537'),
    exponent('rsa-exponent-300-bits', rsaKey('rsa-refused', { e: 2n ** 299n + 1n }), 'e above 2^256'),
    exponent('rsa-exponent-0', withSpki(key, rsaSpki(modulus, integer(0n))), 'e = 0'),
    broken(
      'rsa-small-factor',
      'rsa-small-factor',
      'the modulus has the factor 751',
      'CA/Browser Forum BR, 6.1.6',
    ),
    broken(
      'rsa-close-primes',
      'rsa-close-primes',
      'the primes are close to each other: Fermat splits the modulus in one step',
      'CA/Browser Forum BR, 6.1.1.3; CVE-2022-26320',
    ),
    broken('rsa-square', 'rsa-square', 'the modulus is the square of one prime', 'FIPS 186-5, A.1.1'),
    broken(
      'rsa-roca',
      'rsa-roca',
      'both primes have the form k·M + (65537^a mod M)',
      'CVE-2017-15361; CA/Browser Forum BR, 6.1.1.3',
    ),
    broken('rsa-even', 'rsa-even', 'the modulus is even', 'RFC 8017, 3.1'),
    refuses(
      'rsa-modulus-negative',
      'bad-key',
      { key: withSpki(key, rsaSpki(tlv(0x02, unsignedOctets(key.modulus)), e)) },
      {
        why: 'the modulus lacks its leading zero octet: a negative number',
        clause: 'X.690, 8.3.3',
        alsoCodes: ['bad-der'],
      },
    ),
    refuses(
      'rsa-modulus-zero',
      'bad-key',
      { key: withSpki(key, rsaSpki(integer(0n), e)) },
      { why: 'the modulus is zero', clause: 'RFC 8017, 3.1', alsoCodes: ['weak-key', 'broken-key'] },
    ),
    refuses(
      'rsa-key-trailing-octet',
      'bad-key',
      { key: withSpki(key, seq(algorithm, bits(Buffer.concat([seq(modulus, e), hex('00')])))) },
      { why: 'an octet follows the RSAPublicKey in its BIT STRING', clause: form, alsoCodes: ['bad-der'] },
    ),
    refuses(
      'rsa-key-three-numbers',
      'bad-key',
      { key: withSpki(key, seq(algorithm, bits(seq(modulus, e, integer(3n))))) },
      { why: 'RSAPublicKey has a third number', clause: form, alsoCodes: ['bad-der'] },
    ),
    refuses(
      'rsa-key-not-a-sequence',
      'bad-key',
      { key: withSpki(key, seq(algorithm, bits(octets(modulus, e)))) },
      { why: 'the key bits hold no RSAPublicKey', clause: form, alsoCodes: ['bad-der'] },
    ),
    refuses(
      'rsa-key-without-parameters',
      'bad-key',
      { key: withSpki(key, seq(seq(oid(ID.rsaEncryption)), bits(seq(modulus, e)))) },
      {
        why: 'the NULL parameters of the key are missing: equal keys would have two encodings',
        clause: form,
        alsoCodes: ['bad-der'],
      },
    ),
    refused(
      'rsa-pss-key.der',
      'algorithm-not-allowed',
      sealed(requestInfo('rsa-pss-key', { spki: seq(seq(oid(ID.rsaPss)), bits(seq(modulus, e))) }), key),
      { why: 'the key is for RSASSA-PSS alone', clause: 'RFC 4055, 3.1' },
    ),
  ];
}
