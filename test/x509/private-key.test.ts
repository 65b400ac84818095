import { createPrivateKey } from 'node:crypto';
import { afterAll, describe, expect, it } from 'vitest';
import {
  encryptPrivateKey,
  PBKDF2_ITERATIONS,
  parsePrivateKey,
  signatureAlgorithmFor,
} from '../../src/x509/index.ts';
import { makeKey } from '../support/csr.ts';
import { opensslFolder } from '../support/openssl.ts';
import { codeOf } from '../support/refusal.ts';

const openssl = opensslFolder();
afterAll(() => openssl.remove());

const key = makeKey();
const pkcs8 = createPrivateKey(key.pkcs8Pem).export({ format: 'der', type: 'pkcs8' });
const passphrase = 'Bücher & "Äpfel" #1';
const salt = Buffer.alloc(16, 0xa5);
const iv = Buffer.alloc(16, 0xc5);
const pem = await encryptPrivateKey({ pkcs8, passphrase, salt, iv });
openssl.write('key.pem', pem);
openssl.write('passphrase', `${passphrase}\n`);

describe('a private key at rest', () => {
  it('is read by openssl pkcs8 with its passphrase, and with no other', () => {
    openssl.run(
      'pkcs8',
      '-in',
      'key.pem',
      '-passin',
      'file:passphrase',
      '-topk8',
      '-nocrypt',
      '-outform',
      'DER',
      '-out',
      'plain.der',
    );
    expect(Buffer.compare(openssl.readOctets('plain.der'), pkcs8)).toBe(0);
    expect(openssl.attempt('pkcs8', '-in', 'key.pem', '-passin', 'pass:Bücher').status).not.toBe(0);
  });

  it('says PBES2 with PBKDF2, HMAC-SHA256, 600,000 iterations and AES-256-CBC', () => {
    const shown = openssl.run('asn1parse', '-in', 'key.pem');
    expect(PBKDF2_ITERATIONS).toBe(600_000);
    expect(shown).toContain(`INTEGER           :0${(600_000).toString(16).toUpperCase()}`);
    for (const word of ['PBES2', 'PBKDF2', 'hmacWithSHA256', 'aes-256-cbc']) expect(shown).toContain(word);
    expect(shown).toContain(salt.toString('hex').toUpperCase());
    expect(shown).toContain(iv.toString('hex').toUpperCase());
  });

  it('is read back by ourselves', () => {
    const read = parsePrivateKey(pem, passphrase);
    expect(Buffer.compare(read.pkcs8, pkcs8)).toBe(0);
    expect(Buffer.compare(read.publicKey.spki, key.spki)).toBe(0);
    expect(codeOf(() => parsePrivateKey(pem, `${passphrase} `))).toBe('bad-pem');
    expect(codeOf(() => parsePrivateKey(pem))).toBe('bad-pem');
  });

  it('with a flipped bit is refused, or is not that key', () => {
    const body = Buffer.from(pem.split('\n').slice(1, -2).join(''), 'base64');
    body[body.length - 20] = (body[body.length - 20] ?? 0) ^ 1;
    const changed = `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${body.toString('base64')}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
    let read: Uint8Array | undefined;
    expect(['bad-pem', 'taken']).toContain(
      codeOf(() => {
        read = parsePrivateKey(changed, passphrase).pkcs8;
      }),
    );
    expect(read === undefined || Buffer.compare(read, pkcs8) !== 0).toBe(true);
  });
});

describe('what an authority signs with', () => {
  it('fits its key', () => {
    for (const [kind, algorithm] of [
      ['P-256', 'ecdsa-with-SHA256'],
      ['P-384', 'ecdsa-with-SHA384'],
      ['P-521', 'ecdsa-with-SHA512'],
      ['ed25519', 'Ed25519'],
      ['rsa-2048', 'sha256WithRSAEncryption'],
    ] as const) {
      const { publicKey } = parsePrivateKey(makeKey(kind).pkcs8Pem);
      expect(signatureAlgorithmFor(publicKey.key)).toBe(algorithm);
    }
  });
});
