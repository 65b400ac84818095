import { createHash } from 'node:crypto';
import type { RefusalCode } from '../../src/errors.ts';
import { type KeyPair, requestInfo, type Signing } from './csr.ts';
import { bits, hex, integer, nothing, octets, oid, seq, tlv, unsignedOctets } from './der.ts';
import { type EcKey, ecdsaValue, ecKey } from './keys-ec.ts';
import { ed25519Key, withRaisedS } from './keys-ed25519.ts';
import { digestInfo, pkcs1Block, pssSigning, rsaKey } from './keys-rsa.ts';
import { DIGEST_ID, ECDSA_SIGNATURE_ID, ID, RSA_SIGNATURE_ID } from './oids.ts';
import { refused, refuses, takes, type Vector } from './vector.ts';

const algorithm = (id: string, ...parameters: readonly Buffer[]): Buffer => seq(oid(id), ...parameters);

function flip(signature: Buffer, at: number): Buffer {
  const copy = Buffer.from(signature);
  copy[at] = (copy[at] ?? 0) ^ 0x10;
  return copy;
}

/** An INTEGER with the octets of a 256-bit number, but below zero. */
function negative(value: bigint): Buffer {
  const raw = unsignedOctets(value, 32);
  return (raw[0] ?? 0) < 0x80 ? tlv(0x02, hex('ff'), raw) : tlv(0x02, raw);
}

/** A request whose P-256 signature octets are made by hand; nothing else is wrong with it. */
const byHand = (
  stem: string,
  sign: (message: Uint8Array, key: EcKey) => Buffer,
  why: string,
  clause: string,
): Vector =>
  refuses(
    stem,
    'bad-signature',
    { signing: { algorithm: algorithm(ECDSA_SIGNATURE_ID.sha256), sign: (m) => sign(m, ecKey(stem)) } },
    { why, clause },
  );

/** r and s as they are, whatever the message. */
const fixed = (stem: string, numbers: (order: bigint) => readonly [bigint, bigint]): Vector => {
  const value = (_: Uint8Array, key: EcKey): Buffer => ecdsaValue(...numbers(key.order));
  return byHand(
    stem,
    value,
    'r and s are not both between 1 and the order',
    'FIPS 186-5, 6.4.2; CVE-2022-21449',
  );
};

const values = (): readonly Vector[] => {
  const form = 'X.690, 8.3.2; RFC 3279, 2.2.3';
  return [
    fixed('sig-ecdsa-zero-zero', () => [0n, 0n]),
    fixed('sig-ecdsa-one-zero', () => [1n, 0n]),
    fixed('sig-ecdsa-zero-one', () => [0n, 1n]),
    fixed('sig-ecdsa-order-order', (n) => [n, n]),
    fixed('sig-ecdsa-order-one', (n) => [n, 1n]),
    byHand(
      'sig-ecdsa-raised-s',
      (m, key) => {
        const { r, s } = key.signRaw(m);
        return ecdsaValue(r, s + key.order);
      },
      's is raised by the order',
      'FIPS 186-5, 6.4.2',
    ),
    byHand(
      'sig-ecdsa-negative',
      (m, key) => {
        const { r, s } = key.signRaw(m);
        return seq(negative(r), integer(s));
      },
      'r is a negative number',
      form,
    ),
    byHand(
      'sig-ecdsa-padded',
      (m, key) => {
        const { r, s } = key.signRaw(m);
        return seq(tlv(0x02, hex('0000'), unsignedOctets(r)), integer(s));
      },
      'r has a needless zero octet in front',
      form,
    ),
    byHand(
      'sig-ecdsa-trailing',
      (m, key) => Buffer.concat([key.sign(m), hex('00')]),
      'an octet follows r and s',
      form,
    ),
    byHand(
      'sig-ecdsa-three-numbers',
      (m, key) => {
        const { r, s } = key.signRaw(m);
        return seq(integer(r), integer(s), integer(1n));
      },
      'a third number follows r and s',
      form,
    ),
    byHand(
      'sig-ecdsa-raw',
      (m, key) => {
        const { r, s } = key.signRaw(m);
        return Buffer.concat([unsignedOctets(r, 32), unsignedOctets(s, 32)]);
      },
      'r and s side by side instead of ECDSA-Sig-Value',
      'RFC 3279, 2.2.3',
    ),
    byHand('sig-empty', () => Buffer.alloc(0), 'the signature is empty', 'RFC 2986, 4.2'),
  ];
};

const unproven = (stem: string, key: KeyPair, signing: Signing, why: string): Vector =>
  refuses(stem, 'bad-signature', { key, signing }, { why, clause: 'RFC 2986, 3 and 4.2' });

/** The key's own signature with one bit changed. */
const flipped = (stem: string, key: KeyPair, at: number): Vector =>
  unproven(stem, key, { ...key, sign: (m) => flip(key.sign(m), at) }, 'one bit of the signature is flipped');

function proofs(): readonly Vector[] {
  const rsa = rsaKey('rsa-refused');
  const encoded = (block: (m: Uint8Array) => Buffer): Signing => ({
    ...rsa,
    sign: (m) => rsa.signEncoded(block(m)),
  });
  const edwards = ed25519Key('sig-ed25519-raised-s');
  const info = requestInfo('sig-subject-changed');
  const signature = ecKey('sig-subject-changed').sign(info);
  info.write('C', info.indexOf('changed'));
  return [
    flipped('sig-flipped-ec', ecKey('sig-flipped-ec'), 20),
    flipped('sig-flipped-rsa', rsa, 100),
    flipped('sig-flipped-ed25519', ed25519Key('sig-flipped-ed25519'), 40),
    refused(
      'sig-subject-changed.der',
      'bad-signature',
      seq(info, algorithm(ECDSA_SIGNATURE_ID.sha256), bits(signature)),
      { why: 'one letter of the subject was changed after signing', clause: 'RFC 2986, 3' },
    ),
    unproven(
      'sig-of-another-key',
      ecKey('sig-of-another-key'),
      ecKey('sig-of-another-key/other'),
      'another key made the signature',
    ),
    unproven('sig-of-another-rsa-key', rsaKey('rsa-other'), rsa, 'another RSA key made the signature'),
    unproven(
      'sig-rsa-short',
      rsa,
      { ...rsa, sign: (m) => rsa.sign(m).subarray(1) },
      'the signature is one octet shorter than the modulus',
    ),
    unproven(
      'sig-rsa-long',
      rsa,
      { ...rsa, sign: (m) => Buffer.concat([hex('00'), rsa.sign(m)]) },
      'the signature is one octet longer than the modulus',
    ),
    unproven(
      'sig-rsa-trailing-digest',
      rsa,
      encoded((m) =>
        Buffer.concat([pkcs1Block(digestInfo('sha256', m), rsa.size, 8), Buffer.alloc(rsa.size)]).subarray(
          0,
          rsa.size,
        ),
      ),
      'the padding is short and octets follow the digest',
    ),
    unproven(
      'sig-rsa-other-digest',
      rsa,
      encoded((m) => pkcs1Block(digestInfo('sha512', m), rsa.size)),
      'the digest inside is not the one that the algorithm names',
    ),
    unproven(
      'sig-rsa-digest-without-null',
      rsa,
      encoded((m) =>
        pkcs1Block(
          seq(seq(oid(DIGEST_ID.sha256)), octets(createHash('sha256').update(m).digest())),
          rsa.size,
        ),
      ),
      'the DigestInfo inside lacks its NULL',
    ),
    unproven(
      'sig-ed25519-raised-s',
      edwards,
      { ...edwards, sign: (m) => withRaisedS(edwards.sign(m)) },
      'S is raised by the order of the base point',
    ),
  ];
}

const weak = (stem: string, signing: KeyPair, why: string): Vector =>
  refuses(
    stem,
    'weak-signature',
    { key: signing },
    { why, clause: 'RFC 6151, 2; RFC 9155, 2; NIST SP 800-131A, table 2' },
  );

const foreign = (
  stem: string,
  code: RefusalCode,
  parts: { key?: KeyPair; signing: Signing },
  why: string,
  clause: string,
): Vector => refuses(stem, code, parts, { why, clause });

/** Good signature octets under an algorithm identifier that is not theirs. */
const renamed = (stem: string, identifier: Buffer, key: KeyPair = ecKey(stem)) => ({
  key,
  signing: { ...key, algorithm: identifier },
});

function algorithms(): readonly Vector[] {
  const rsa = rsaKey('rsa-refused');
  const oiw = { ...rsaKey('rsa-refused', { digest: 'sha1' }), algorithm: algorithm(ID.sha1WithRsaOiw) };
  const no: RefusalCode = 'algorithm-not-allowed';
  const table = 'RFC 5758, 3; RFC 4055, 5; RFC 8410, 3';
  return [
    weak('sig-rsa-sha1', rsaKey('rsa-refused', { digest: 'sha1' }), 'RSA with SHA-1'),
    weak('sig-rsa-sha1-oiw', oiw, 'RSA with SHA-1 under its older identifier'),
    weak('sig-rsa-md5', rsaKey('rsa-refused', { digest: 'md5' }), 'RSA with MD5'),
    weak('sig-ecdsa-sha1', ecKey('sig-ecdsa-sha1', 'P-256', 'sha1'), 'ECDSA with SHA-1'),
    foreign(
      'sig-rsa-sha224',
      no,
      { key: rsa, signing: rsaKey('rsa-refused', { digest: 'sha224' }) },
      'RSA with SHA-224',
      table,
    ),
    foreign(
      'sig-ecdsa-sha224',
      no,
      { signing: ecKey('sig-ecdsa-sha224', 'P-256', 'sha224') },
      'ECDSA with SHA-224',
      table,
    ),
    foreign(
      'sig-ecdsa-sha3',
      no,
      renamed('sig-ecdsa-sha3', algorithm(ID.ecdsaWithSha3)),
      'ECDSA with SHA-3',
      table,
    ),
    foreign('sig-rsa-pss', no, { key: rsa, signing: pssSigning(rsa) }, 'RSASSA-PSS', 'RFC 4055, 3'),
    foreign(
      'sig-rsa-over-ec-key',
      no,
      renamed('sig-rsa-over-ec-key', algorithm(RSA_SIGNATURE_ID.sha256, nothing())),
      'the algorithm is of RSA, the key of P-256',
      table,
    ),
    foreign(
      'sig-ecdsa-over-rsa-key',
      no,
      renamed('sig-ecdsa-over-rsa-key', algorithm(ECDSA_SIGNATURE_ID.sha256), rsa),
      'the algorithm is of ECDSA, the key of RSA',
      table,
    ),
    foreign(
      'sig-ed25519-over-ec-key',
      no,
      renamed('sig-ed25519-over-ec-key', algorithm(ID.ed25519)),
      'the algorithm is Ed25519, the key P-256',
      table,
    ),
    foreign(
      'sig-ecdsa-over-ed25519-key',
      no,
      renamed(
        'sig-ecdsa-over-ed25519-key',
        algorithm(ECDSA_SIGNATURE_ID.sha256),
        ed25519Key('sig-ecdsa-over-ed25519-key'),
      ),
      'the algorithm is ECDSA, the key Ed25519',
      table,
    ),
    foreign(
      'sig-none',
      no,
      {
        signing: {
          algorithm: algorithm(ID.noSignature, nothing()),
          sign: (m) => createHash('sha256').update(m).digest(),
        },
      },
      'id-alg-noSignature: a digest stands in for the proof',
      'RFC 5272, 3.2.1.2.2',
    ),
    foreign(
      'sig-hmac',
      no,
      renamed('sig-hmac', algorithm(ID.hmacWithSha256, nothing())),
      'an HMAC is no signature',
      'RFC 4231, 3.1',
    ),
    foreign(
      'sig-unknown-algorithm',
      no,
      renamed('sig-unknown-algorithm', algorithm(ID.example)),
      'the algorithm is nobody knows which',
      table,
    ),
    foreign(
      'sig-bare-digest',
      no,
      renamed('sig-bare-digest', algorithm(DIGEST_ID.sha256, nothing())),
      'the identifier is of a digest alone',
      table,
    ),
    takes(
      'sig-ecdsa-null-parameters',
      renamed('sig-ecdsa-null-parameters', algorithm(ECDSA_SIGNATURE_ID.sha256, nothing())),
      {
        warnings: 0,
        why: 'ECDSA with NULL parameters, as Mbed TLS wrote them: they mean nothing',
        clause: 'RFC 5758, 3.2 (divergence)',
      },
    ),
    refuses(
      'sig-ed25519-null-parameters',
      no,
      renamed(
        'sig-ed25519-null-parameters',
        algorithm(ID.ed25519, nothing()),
        ed25519Key('sig-ed25519-null-parameters'),
      ),
      {
        why: 'Ed25519 with NULL parameters; they must be absent',
        clause: 'RFC 8410, 3',
        alsoCodes: ['bad-csr'],
      },
    ),
    refuses(
      'sig-rsa-odd-parameters',
      no,
      renamed('sig-rsa-odd-parameters', algorithm(RSA_SIGNATURE_ID.sha256, octets(hex('00'))), rsa),
      {
        why: 'RSA with parameters that are not NULL',
        clause: 'RFC 4055, 5',
        alsoCodes: ['bad-csr', 'bad-der'],
      },
    ),
    refused('sig-unused-bits.der', 'bad-csr', unusedBits('sig-unused-bits'), {
      why: 'the signature is not a whole number of octets',
      clause: 'RFC 2986, 4.2',
      alsoCodes: ['bad-signature', 'bad-der'],
    }),
  ];
}

/** A good signature followed by an octet of zeros, four bits of which are declared unused. */
function unusedBits(stem: string): Buffer {
  const key = ecKey(stem);
  const info = requestInfo(stem, { key });
  return seq(info, key.algorithm, bits(Buffer.concat([key.sign(info), hex('00')]), 4));
}

/** Proofs of possession that prove nothing. */
export const signatureCases = (): readonly Vector[] => [...values(), ...proofs(), ...algorithms()];
