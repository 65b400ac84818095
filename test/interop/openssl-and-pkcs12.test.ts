import { execFileSync, spawnSync } from 'node:child_process';
import { createHash, createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parsePem } from '../../src/asn1/index.ts';
import { systemRandom } from '../../src/random.ts';
import {
  encodePkcs12,
  encodePrivateKeyPem,
  type Pkcs12Contents,
  type Pkcs12Protection,
  parsePkcs12,
  parsePrivateKey,
} from '../../src/x509/index.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { opensslFolder } from '../support/openssl.ts';

const openssl = opensslFolder();
afterAll(() => openssl.remove());

const KEYS = {
  'P-256': ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  'RSA-2048': ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
  Ed25519: ['-algorithm', 'ED25519'],
} as const;
type KeyName = keyof typeof KEYS;
const KEY_NAMES = Object.keys(KEYS) as KeyName[];
const PASSPHRASES = ['', 'Grüße, 你好 🔑'] as const;

const der = (file: string): Uint8Array => parsePem(openssl.read(file))[0]?.der ?? new Uint8Array();

function makeCertificates(): void {
  openssl.run('genpkey', ...KEYS['P-256'], '-out', 'ca.key');
  openssl.run('req', '-x509', '-key', 'ca.key', '-subj', '/CN=ca', '-days', '30', '-out', 'ca.crt');
  for (const name of KEY_NAMES) {
    openssl.run('genpkey', ...KEYS[name], '-out', `${name}.key`);
    openssl.run('req', '-new', '-key', `${name}.key`, '-subj', `/CN=${name}`, '-out', `${name}.csr`);
    const signed = ['-CA', 'ca.crt', '-CAkey', 'ca.key', '-CAcreateserial', '-days', '30'];
    openssl.run('x509', '-req', '-in', `${name}.csr`, ...signed, '-out', `${name}.crt`);
  }
}
beforeAll(makeCertificates);

const contentsOf = (name: KeyName): Pkcs12Contents => ({
  privateKey: parsePrivateKey(openssl.read(`${name}.key`)).pkcs8,
  certificates: [der(`${name}.crt`), der('ca.crt')],
  friendlyName: `Gerät ${name}`,
});

/** GnuTLS, where Debian's gnutls-bin is there: the machine of the tests need not have a second stack. */
const hasKeytool = spawnSync('keytool', ['-help']).error === undefined;

const octets = (list: readonly Uint8Array[]): readonly string[] =>
  list.map((one) => Buffer.from(one).toString('hex'));

/** Passphrases go by the environment of the command, in UTF-8. */
const pass = (passphrase: string): string => `pass:${passphrase}`;

describe.each<Pkcs12Protection>(['pbe-sha1-3des', 'pbes2-aes256'])(
  'what we protect with %s:',
  (protection) => {
    const make = (contents: Pkcs12Contents, passphrase: string): void =>
      openssl.write('ours.p12', encodePkcs12(contents, { passphrase, protection, random: systemRandom }));

    it.each(KEY_NAMES.flatMap((name) => PASSPHRASES.map((passphrase) => [name, passphrase] as const)))(
      'OpenSSL 3 opens it without its legacy provider: %s, passphrase "%s"',
      (name, passphrase) => {
        const contents = contentsOf(name);
        make(contents, passphrase);
        const common = ['pkcs12', '-in', 'ours.p12', '-passin', pass(passphrase)];
        const key = openssl.run(...common, '-nocerts', '-nodes');
        expect(encodePrivateKeyPem(parsePem(key)[0]?.der ?? new Uint8Array())).toBe(
          encodePrivateKeyPem(contents.privateKey as Uint8Array),
        );
        expect(openssl.run(...common, '-nokeys', '-clcerts')).toContain('friendlyName: Ger');
        const all = parsePem(openssl.run(...common, '-nokeys')).map((block) => block.der);
        expect(octets(all)).toEqual(octets(contents.certificates));
        // The one that is bound to the key, and the others.
        expect(
          octets(parsePem(openssl.run(...common, '-nokeys', '-cacerts')).map((block) => block.der)),
        ).toEqual(octets(contents.certificates.slice(1)));
      },
    );

    it('OpenSSL says of it what we meant', () => {
      make(contentsOf('P-256'), '');
      const { printed } = openssl.attempt('pkcs12', '-in', 'ours.p12', '-info', '-noout', '-passin', 'pass:');
      const due =
        protection === 'pbe-sha1-3des'
          ? ['MAC: sha1, Iteration 2048', 'pbeWithSHA1And3-KeyTripleDES-CBC, Iteration 2048']
          : [
              'MAC: sha256, Iteration 10000',
              'PBES2, PBKDF2, AES-256-CBC, Iteration 10000, PRF hmacWithSHA256',
            ];
      for (const words of due) expect(printed).toContain(words);
    });

    it('another passphrase does not open it', () => {
      make(contentsOf('P-256'), 'right');
      expect(openssl.attempt('pkcs12', '-in', 'ours.p12', '-noout', '-passin', 'pass:wrong').status).not.toBe(
        0,
      );
    });

    it.skipIf(isLeftOut('certtool')).each(PASSPHRASES)(
      'GnuTLS opens it, MAC, certificates and key: passphrase "%s"',
      (passphrase) => {
        const contents = contentsOf('P-256');
        const folder = mkdtempSync(join(tmpdir(), 'fleetca-certtool-'));
        const certtool = (...args: readonly string[]): string =>
          execFileSync(
            'certtool',
            [...args, ...(passphrase === '' ? ['--empty-password'] : ['--password', passphrase])],
            {
              cwd: folder,
              encoding: 'utf8',
              stdio: ['ignore', 'pipe', 'pipe'],
            },
          );
        try {
          writeFileSync(
            join(folder, 'ours.p12'),
            encodePkcs12(contents, { passphrase, protection, random: systemRandom }),
          );
          const told = certtool('--inder', '--p12-info', '--infile', 'ours.p12');
          expect(told).toContain('Friendly name: Gerät P-256');
          const blocks = parsePem(told);
          const held = blocks.filter(({ label }) => label === 'CERTIFICATE').map((block) => block.der);
          expect(octets(held)).toEqual(octets(contents.certificates));
          // The key is told as it is encrypted; the second command opens that.
          const [sealed = ''] = /-----BEGIN ENCRYPTED [^-]+-----[^-]+-----END [^-]+-----\n/.exec(told) ?? [];
          writeFileSync(join(folder, 'sealed.pem'), sealed);
          certtool('--key-info', '--pkcs8', '--infile', 'sealed.pem', '--outfile', 'key.pem');
          const { publicKey } = new X509Certificate(contents.certificates[0] as Uint8Array);
          const id = createHash('sha256')
            .update(publicKey.export({ format: 'der', type: 'spki' }))
            .digest('hex');
          expect(readFileSync(join(folder, 'key.pem'), 'latin1')).toContain(`sha256:${id}`);
        } finally {
          rmSync(folder, { recursive: true });
        }
      },
    );

    it.skipIf(!hasKeytool)("Java's keytool opens it, and has lone certificates for trusted", () => {
      const folder = mkdtempSync(join(tmpdir(), 'fleetca-keytool-'));
      try {
        const list = (name: string, contents: Pkcs12Contents): string => {
          const file = join(folder, name);
          writeFileSync(
            file,
            encodePkcs12(contents, { passphrase: 'changeit', protection, random: systemRandom }),
          );
          const args = ['-list', '-storetype', 'PKCS12', '-keystore', file, '-storepass', 'changeit'];
          return execFileSync('keytool', ['-J-Duser.language=en', ...args], { encoding: 'utf8' });
        };
        expect(list('key.p12', contentsOf('P-256'))).toContain('PrivateKeyEntry');
        const trusted = {
          privateKey: null,
          certificates: [der('ca.crt'), der('P-256.crt')],
          friendlyName: null,
        };
        expect(list('trust.p12', trusted).match(/trustedCertEntry/g)).toHaveLength(2);
      } finally {
        rmSync(folder, { recursive: true });
      }
    });
  },
);

const EXPORTS = {
  'as OpenSSL 3 makes it': { flags: [], schemes: ['hmac-sha256', 'pbes2-aes256'] },
  'as OpenSSL 1.1 and HERE made it': {
    flags: ['-legacy'],
    schemes: ['hmac-sha1', 'pbe-sha1-rc2-40', 'pbe-sha1-3des'],
  },
  'with 128 bits of RC2': {
    flags: ['-legacy', '-certpbe', 'PBE-SHA1-RC2-128', '-keypbe', 'PBE-SHA1-RC2-128'],
    schemes: ['hmac-sha1', 'pbe-sha1-rc2-128'],
  },
  'with two keys of DES': {
    flags: ['-legacy', '-certpbe', 'PBE-SHA1-2DES', '-keypbe', 'PBE-SHA1-2DES'],
    schemes: ['hmac-sha1', 'pbe-sha1-2key-3des'],
  },
  'with AES-128, in the clear and without MAC': {
    flags: ['-keypbe', 'AES-128-CBC', '-certpbe', 'NONE', '-nomac'],
    schemes: ['no-mac', 'pbes2-aes128'],
  },
  'with SHA-512': {
    flags: ['-macalg', 'sha512', '-iter', '10000'],
    schemes: ['hmac-sha512', 'pbes2-aes256'],
  },
} as const;

describe.each(Object.entries(EXPORTS))('we open a file %s:', (_, { flags, schemes }) => {
  it.each([...KEY_NAMES.map((name) => [name, ''] as const), ['P-256', PASSPHRASES[1]] as const])(
    '%s, passphrase "%s"',
    (name, passphrase) => {
      const what = ['-inkey', `${name}.key`, '-in', `${name}.crt`, '-certfile', 'ca.crt', '-name', 'Gerät'];
      openssl.run('pkcs12', '-export', ...flags, ...what, '-passout', pass(passphrase), '-out', 'theirs.p12');
      const opened = parsePkcs12(openssl.readOctets('theirs.p12'), passphrase);
      const contents = contentsOf(name);
      expect(opened.schemes).toEqual(schemes);
      expect(opened.friendlyName).toBe('Gerät');
      expect(octets(opened.certificates)).toEqual(octets(contents.certificates));
      expect(octets([opened.privateKey as Uint8Array])).toEqual(octets([contents.privateKey as Uint8Array]));
    },
  );
});

describe.skipIf(isLeftOut('certtool'))('we open a file as GnuTLS makes it:', () => {
  it.each([
    ['AES-256, SHA-512', ['--pkcs-cipher', 'aes-256', '--hash', 'SHA512'], ['hmac-sha512', 'pbes2-aes256']],
  ] as const)('%s', (_, how, schemes) => {
    const what = ['--load-privkey', 'P-256.key', '--load-certificate', 'P-256.crt', '--p12-name', 'board'];
    const folder = openssl.folder;
    execFileSync(
      'certtool',
      ['--to-p12', ...what, '--password', 'word', ...how, '--outder', '--outfile', 'gnutls.p12'],
      {
        cwd: folder,
        stdio: 'pipe',
      },
    );
    const opened = parsePkcs12(openssl.readOctets('gnutls.p12'), 'word');
    const contents = contentsOf('P-256');
    expect(opened.schemes).toEqual(schemes);
    expect(opened.friendlyName).toBe('board');
    expect(octets(opened.certificates)).toEqual(octets(contents.certificates.slice(0, 1)));
    expect(
      new X509Certificate(contents.certificates[0] as Uint8Array).checkPrivateKey(
        createPrivateKey({ key: Buffer.from(opened.privateKey as Uint8Array), format: 'der', type: 'pkcs8' }),
      ),
    ).toBe(true);
  });
});

describe('what OpenSSL 3 alone cannot open', () => {
  it('section 8, RC2-40: OpenSSL does not open it, and we do', () => {
    const what = ['-inkey', 'P-256.key', '-in', 'P-256.crt', '-passout', 'pass:'];
    openssl.run('pkcs12', '-export', '-legacy', ...what, '-out', 'here.p12');
    const { status, printed } = openssl.attempt('pkcs12', '-in', 'here.p12', '-nodes', '-passin', 'pass:');
    expect(status).not.toBe(0);
    expect(printed).toContain('RC2-40-CBC');
    expect(parsePkcs12(openssl.readOctets('here.p12'), '').certificates).toHaveLength(1);
  });
});
