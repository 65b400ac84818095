/** What is in bundles, run and read by the programs that it is for. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { encodePem } from '../../src/asn1/index.ts';
import {
  type BundleContent,
  LAYOUTS,
  type LayoutName,
  layOut,
  layOutShared,
} from '../../src/bundle/index.ts';
import { systemRandom } from '../../src/random.ts';
import { encodeEnvelopedData, parseRecipient } from '../../src/x509/index.ts';
import { makeDevice, pemOf, UUID, VIN } from '../bundle/sample.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { opensslFolder } from '../support/openssl.ts';
import { scratchFolder } from '../support/service.ts';

const openssl = opensslFolder();
afterAll(() => openssl.remove());

/** Writes a bundle as an archive would be unpacked. */
function unpack(name: LayoutName, bundle: BundleContent): string {
  const folder = scratchFolder();
  const layout = LAYOUTS[name];
  for (const file of [...layOutShared(layout, bundle.line), ...layOut(layout, bundle)]) {
    const path = join(folder, file.name);
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, file.content, { mode: file.mode });
  }
  return folder;
}

const run = (folder: string, command: string, args: readonly string[], env: Record<string, string> = {}) => {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: String(process.env.PATH), ...env },
  });
  return { status, out: stdout, err: stderr };
};

const MODULE = '/usr/lib/softhsm/libsofthsm2.so';
const TOOLS = ['softhsm2-util', 'pkcs11-tool'];

describe.skipIf(TOOLS.some(isLeftOut))('load-token.sh, with SoftHSM,', async () => {
  const device = await makeDevice(VIN);
  const other = await makeDevice('another device');
  const rsa = await makeDevice('a device with RSA', 'rsa-2048');

  /** A token that has a device's key at id 02, as if it had been made there. */
  function makeToken(keyPem: string) {
    const folder = scratchFolder();
    mkdirSync(join(folder, 'tokens'));
    writeFileSync(join(folder, 'softhsm2.conf'), `directories.tokendir = ${join(folder, 'tokens')}\n`);
    writeFileSync(join(folder, 'key.pem'), keyPem);
    writeFileSync(join(folder, 'pin'), '1234\nanother line\n');
    const env = { PATH: String(process.env.PATH), SOFTHSM2_CONF: join(folder, 'softhsm2.conf') };
    const softhsm = (...args: readonly string[]) =>
      execFileSync('softhsm2-util', args, { cwd: folder, env, stdio: 'pipe' });
    softhsm('--init-token', '--free', '--label', 'Virtual token', '--so-pin', '4321', '--pin', '1234');
    softhsm(
      '--import',
      'key.pem',
      '--token',
      'Virtual token',
      '--label',
      'devicekey',
      '--id',
      '02',
      '--pin',
      '1234',
    );
    return { folder, env, pin: join(folder, 'pin') };
  }

  const load = (bundle: string, { env, pin }: ReturnType<typeof makeToken>, ...more: readonly string[]) =>
    run(bundle, './load-token.sh', ['--pin-file', pin, ...more], env);

  /** The certificates at id 01. */
  function certificatesIn({ env }: ReturnType<typeof makeToken>): number {
    const list = ['--module', MODULE, '--login', '--pin', '1234', '--list-objects', '--type', 'cert'];
    return (
      execFileSync('pkcs11-tool', list, { env, encoding: 'utf8', stdio: 'pipe' }).split('ID:         01')
        .length - 1
    );
  }

  function certificateIn({ folder, env }: ReturnType<typeof makeToken>): Buffer {
    const out = join(folder, 'read.der');
    const read = ['--read-object', '--type', 'cert', '--id', '01', '--output-file', out];
    execFileSync('pkcs11-tool', ['--module', MODULE, '--login', '--pin', '1234', ...read], {
      env,
      stdio: 'pipe',
    });
    return readFileSync(out);
  }

  it.each([
    ['P-256', device],
    ['RSA', rsa],
  ])(
    'section 2, 01: writes the certificate there beside its key, and the same again changes nothing: %s',
    (_kind, one) => {
      const token = makeToken(one.key.pkcs8Pem);
      const bundle = unpack('hsm', one.bundle());
      for (let time = 0; time < 2; time++) {
        const loaded = load(bundle, token, '--token-label', 'Virtual token');
        expect([loaded.status, loaded.err]).toEqual([0, '']);
        expect(certificatesIn(token)).toBe(1);
        expect(certificateIn(token)).toEqual(Buffer.from(one.certificate.der));
      }
    },
  );

  it('section 2, 02: a token that holds another key is refused, and what is there stays', () => {
    const token = makeToken(device.key.pkcs8Pem);
    expect(load(unpack('hsm', device.bundle()), token).status).toBe(0);
    const refused = load(unpack('hsm', other.bundle()), token);
    expect(refused.status).toBe(1);
    expect(refused.err).toContain('is not the key of this certificate');
    expect(certificateIn(token)).toEqual(Buffer.from(device.certificate.der));
  });

  it('section 2, 03: the Uptane key that the device made there stays as it is', () => {
    const token = makeToken(device.key.pkcs8Pem);
    const own = (...args: readonly string[]): string =>
      execFileSync('pkcs11-tool', ['--module', MODULE, '--login', '--pin', '1234', ...args], {
        env: token.env,
        encoding: 'utf8',
        stdio: ['ignore', 'pipe', 'pipe'],
      });
    own('--keypairgen', '--key-type', 'rsa:2048', '--id', '03', '--label', 'uptanekey');
    const read = ['--read-object', '--type', 'pubkey', '--id', '03', '--output-file'];
    own(...read, join(token.folder, 'before'));
    expect(load(unpack('hsm', device.bundle()), token).status).toBe(0);
    own(...read, join(token.folder, 'after'));
    expect(readFileSync(join(token.folder, 'after'))).toEqual(readFileSync(join(token.folder, 'before')));
    expect(own('--list-objects', '--type', 'privkey').match(/ID: +0[23]/g)).toHaveLength(2);
  });

  it('replaces whatever certificates stood at the id', () => {
    const token = makeToken(device.key.pkcs8Pem);
    writeFileSync(join(token.folder, 'old.der'), other.certificate.der);
    for (let copy = 0; copy < 2; copy++) {
      const write = ['--write-object', join(token.folder, 'old.der'), '--type', 'cert', '--id', '01'];
      execFileSync('pkcs11-tool', ['--module', MODULE, '--login', '--pin', '1234', ...write], {
        env: token.env,
        stdio: 'pipe',
      });
    }
    expect(certificatesIn(token)).toBe(2);
    expect(load(unpack('hsm', device.bundle()), token).status).toBe(0);
    expect([certificatesIn(token), certificateIn(token)]).toEqual([1, Buffer.from(device.certificate.der)]);
  });

  it('fails with a wrong PIN, without a key, module or PIN file, and for an option that it does not know', () => {
    const token = makeToken(device.key.pkcs8Pem);
    const bundle = unpack('hsm', device.bundle());
    writeFileSync(join(token.folder, 'wrong'), '9999');
    expect(
      run(bundle, './load-token.sh', ['--pin-file', join(token.folder, 'wrong')], token.env).status,
    ).toBe(1);
    expect(load(bundle, token, '--module', '/nowhere.so').status).toBe(1);
    expect(load(bundle, { ...token, pin: '/nowhere' }).status).not.toBe(0);
    expect(load(bundle, token, '--force', 'yes').status).toBe(1);
    expect(load(bundle, token, '--module').status).toBe(1);
    expect(certificatesIn(token)).toBe(0);
  });
});

describe('OpenSSL takes', async () => {
  const device = await makeDevice(UUID);

  it('the chain of layout pem for a client, with the fleet root as all that it trusts', () => {
    const folder = unpack('pem', device.bundle());
    const files = ['-CAfile', 'fleet-root.pem', '-untrusted', `${UUID}.chain.pem`, `${UUID}.cert.pem`];
    const verified = run(folder, 'openssl', ['verify', '-x509_strict', '-purpose', 'sslclient', ...files]);
    expect(verified.out).toBe(`${UUID}.cert.pem: OK\n`);
  });

  it('the keys of ota-ce, SEC1 and PKCS#8, as the key of client.pem', () => {
    const folder = unpack('ota-ce', device.bundle({ key: device.clear() }));
    const publicKey = (...args: readonly string[]) => run(folder, 'openssl', args).out;
    const due = publicKey('x509', '-in', 'client.pem', '-noout', '-pubkey');
    expect(publicKey('ec', '-in', 'pkey.ec.pem', '-pubout')).toBe(due);
    expect(publicKey('pkey', '-in', 'pkey.pem', '-pubout')).toBe(due);
  });

  it.each(['', 'correct horse'])(
    'the PKCS#12 file with the passphrase %j, without its legacy provider',
    (word) => {
      const folder = unpack('p12', device.bundle({ key: device.clear(word) }));
      const read = run(folder, 'openssl', [
        'pkcs12',
        '-in',
        `${UUID}.p12`,
        '-passin',
        `pass:${word}`,
        '-nodes',
      ]);
      expect([read.status, read.out.match(/BEGIN CERTIFICATE/g)?.length]).toEqual([0, 2]);
      expect(read.out).toContain(`friendlyName: ${UUID}`);
      expect(read.out).toContain('BEGIN PRIVATE KEY');
    },
  );
});

describe('the script beside an envelope', async () => {
  const deviceId = "o'brien $(id)";
  const device = await makeDevice(deviceId);
  const name = device.bundle().folder;

  const recipient = (algorithm: readonly string[]): { folder: string; key: string } => {
    const folder = scratchFolder();
    const files = ['-keyout', 'key.pem', '-out', 'crt.pem'];
    run(folder, 'openssl', [
      'req',
      '-x509',
      '-newkey',
      ...algorithm,
      '-nodes',
      ...files,
      '-subj',
      '/CN=line',
    ]);
    const certificate = run(folder, 'openssl', [
      'x509',
      '-in',
      'crt.pem',
      '-outform',
      'DER',
      '-out',
      'crt.der',
    ]);
    expect(certificate.status).toBe(0);
    const { pkcs8 } = device.clear() as { pkcs8: Uint8Array };
    const envelope = encodeEnvelopedData(
      pkcs8,
      parseRecipient(readFileSync(join(folder, 'crt.der'))),
      systemRandom,
    );
    const pem = encodePem('CMS', envelope);
    const bundle = unpack('p12', device.bundle({ key: { kind: 'envelope', pem } }));
    return { folder: bundle, key: join(folder, 'key.pem') };
  };

  it.each([
    ['EC', ['ec', '-pkeyopt', 'ec_paramgen_curve:P-256']],
    ['RSA', ['rsa:2048']],
  ])('makes the PKCS#12 file for whoever has the key of the recipient: %s', (_kind, algorithm) => {
    const { folder, key } = recipient(algorithm);
    writeFileSync(join(folder, 'word'), 'correct horse\n');
    const made = run(folder, `./${name}.make-p12.sh`, [key, 'word']);
    expect([made.status, made.err]).toEqual([0, '']);
    expect(statSync(join(folder, `${name}.p12`)).mode & 0o777).toBe(0o600);
    const read = run(folder, 'openssl', ['pkcs12', '-in', `${name}.p12`, '-passin', 'file:word', '-nodes']);
    expect(read.out).toContain(device.key.pkcs8Pem);
    expect(read.out).toContain(pemOf(device.certificate.der));
    expect(read.out).toContain(`friendlyName: ${deviceId}`);
  });

  it('makes nothing for anybody else', () => {
    const { folder } = recipient(['rsa:2048']);
    const other = recipient(['rsa:2048']);
    const refused = run(folder, `./${name}.make-p12.sh`, [other.key]);
    expect(refused.status).toBe(1);
    expect(() => statSync(join(folder, `${name}.p12`))).toThrow();
    rmSync(other.folder, { recursive: true });
  });
});
