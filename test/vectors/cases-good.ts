import { oid, seq } from './der.ts';
import { ecdsaValue, ecKey } from './keys-ec.ts';
import { ed25519Key } from './keys-ed25519.ts';
import { rsaKey } from './keys-rsa.ts';
import { RSA_SIGNATURE_ID } from './oids.ts';
import { takes, type Vector } from './vector.ts';

/** The larger root of s, which half of all honest signers produce. */
function highS(label: string) {
  const key = ecKey(label);
  const sign = (message: Uint8Array): Buffer => {
    const { r, s } = key.signRaw(message);
    return ecdsaValue(r, s * 2n > key.order ? s : key.order - s);
  };
  return { ...key, sign };
}

/** Controls: every key and signature that the default profile takes. */
export const goodCases = (): readonly Vector[] => [
  takes('good-p256', {}, { warnings: 0, why: 'P-256 with SHA-256', clause: 'RFC 2986, 4; RFC 5758, 3.2' }),
  takes(
    'good-p256-sha384',
    { key: ecKey('good-p256-sha384', 'P-256', 'sha384') },
    { warnings: 0, why: 'the digest is longer than the curve', clause: 'RFC 5758, 3.2; FIPS 186-5, 6.4.1' },
  ),
  takes(
    'good-p256-high-s',
    { key: highS('good-p256-high-s') },
    {
      warnings: 0,
      why: 's in the upper half of the order is as good as its negative',
      clause: 'FIPS 186-5, 6.4.2',
    },
  ),
  takes(
    'good-p384',
    { key: ecKey('good-p384', 'P-384', 'sha384') },
    { warnings: 0, why: 'P-384 with SHA-384', clause: 'RFC 5758, 3.2' },
  ),
  takes(
    'good-p384-sha256',
    { key: ecKey('good-p384-sha256', 'P-384', 'sha256') },
    { warnings: 0, why: 'the digest is shorter than the curve', clause: 'RFC 5758, 3.2' },
  ),
  takes(
    'good-p521',
    { key: ecKey('good-p521', 'P-521', 'sha512') },
    { warnings: 0, why: 'P-521 with SHA-512', clause: 'RFC 5758, 3.2' },
  ),
  takes(
    'good-ed25519',
    { key: ed25519Key('good-ed25519') },
    { warnings: 0, why: 'Ed25519', clause: 'RFC 8410, 3' },
  ),
  takes(
    'good-rsa-2048',
    { key: rsaKey('rsa-2048-a') },
    { warnings: 0, why: 'RSA with 2048 bits, the least that is taken', clause: 'RFC 8017, 8.2' },
  ),
  takes(
    'good-rsa-2048-sha512',
    { key: rsaKey('rsa-2048-b', { digest: 'sha512' }) },
    { warnings: 0, why: 'RSA with SHA-512', clause: 'RFC 4055, 5' },
  ),
  takes(
    'good-rsa-3072',
    { key: rsaKey('rsa-3072', { digest: 'sha384' }) },
    { warnings: 0, why: 'RSA with 3072 bits and SHA-384', clause: 'RFC 4055, 5' },
  ),
  takes(
    'good-rsa-4096',
    { key: rsaKey('rsa-4096') },
    { warnings: 0, why: 'RSA with 4096 bits', clause: 'RFC 8017, 8.2' },
  ),
  takes(
    'good-rsa-8192',
    { key: rsaKey('rsa-8192') },
    { warnings: 0, why: 'RSA with 8192 bits, the most that is taken', clause: 'RFC 8017, 8.2' },
  ),
  takes(
    'good-rsa-exponent-65539',
    { key: rsaKey('rsa-2048-c', { e: 65539n }) },
    { warnings: 0, why: 'an odd exponent above 65537', clause: 'NIST SP 800-56B, 6.2' },
  ),
  takes(
    'good-rsa-exponent-256-bits',
    { key: rsaKey('rsa-2048-d', { e: 2n ** 255n + 95n }) },
    { warnings: 0, why: 'an exponent just inside the range, below 2^256', clause: 'NIST SP 800-56B, 6.2' },
  ),
  takes(
    'good-rsa-no-null',
    { key: { ...rsaKey('rsa-2048-e'), algorithm: seq(oid(RSA_SIGNATURE_ID.sha256)) } },
    {
      warnings: 0,
      why: 'the signature algorithm lacks its NULL, which must be accepted',
      clause: 'RFC 4055, 5',
    },
  ),
];
