import { createPrivateKey, createPublicKey } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { PkiError } from '../../src/errors.ts';
import { type FileKeystore, openKeystore, prepareKeyFolder } from '../../src/keystore/index.ts';
import { generatePrivateKey } from '../../src/keystore/key-pair.ts';
import { systemRandom as random } from '../../src/random.ts';
import { describeKey, KEY_ALGORITHMS, parsePublicKey } from '../../src/x509/index.ts';
import { memoryKeystore } from '../support/memory-keystore.ts';
import { keystoreContract } from './contract.ts';
import { modeOf, openssl, scratchFolder } from './scratch.ts';

const passphrase = 'canary-passphrase ünïcode';

const openIn = (folder: string, secret = passphrase): FileKeystore =>
  openKeystore({ folder, passphrase: secret, random });

const refusalOf = async (promise: Promise<unknown>): Promise<PkiError> => {
  const failure = await promise.then(
    () => new Error('it did not refuse'),
    (reason: unknown) => reason,
  );
  if (failure instanceof PkiError) return failure;
  throw failure;
};

keystoreContract('encrypted files', () => openIn(scratchFolder()));
keystoreContract('memory', () => memoryKeystore());

test.each([
  ['ec-p256', 'EC P-256'],
  ['ec-p384', 'EC P-384'],
  ['rsa-3072', 'RSA 3072'],
  ['rsa-4096', 'RSA 4096'],
  ['ed25519', 'Ed25519'],
] as const)('%s makes a key of that kind', { timeout: 60_000 }, async (algorithm, kind) => {
  expect(KEY_ALGORITHMS).toContain(algorithm);
  const key = createPrivateKey({ key: await generatePrivateKey(algorithm), format: 'der', type: 'pkcs8' });
  const spki = createPublicKey(key).export({ format: 'der', type: 'spki' });
  expect(describeKey(parsePublicKey(spki).key)).toBe(kind);
});

describe('a key file', () => {
  test('is PKCS#8 under PBES2 with 600,000 iterations, which openssl reads', async () => {
    const folder = join(scratchFolder(), 'keys');
    await prepareKeyFolder(folder);
    const signer = await openIn(folder).generate('fleet.root.0a', 'ec-p256');
    const path = join(folder, 'fleet.root.0a.pem');
    const secret = join(folder, 'passphrase');
    writeFileSync(secret, `${passphrase}\n`, { mode: 0o600 });

    expect(readdirSync(folder).sort()).toEqual(['fleet.root.0a.pem', 'passphrase']);
    expect([modeOf(folder), modeOf(path)]).toEqual(['700', '600']);
    const structure = openssl('asn1parse', '-in', path);
    expect(structure).toMatch(/PBES2[\s\S]*PBKDF2[\s\S]*:0927C0\n[\s\S]*hmacWithSHA256[\s\S]*aes-256-cbc/);
    expect(0x0927c0).toBe(600_000);
    const plain = openssl('pkcs8', '-in', path, '-passin', `file:${secret}`);
    const spki = createPublicKey(createPrivateKey(plain)).export({ format: 'der', type: 'spki' });
    expect(spki).toEqual(Buffer.from(signer.publicKey));
    expect(() => openssl('pkcs8', '-in', path, '-passin', 'pass:other')).toThrow();
  });

  test('is opened again by another process, once for many callers', async () => {
    const folder = scratchFolder();
    const made = await openIn(folder).generate('a', 'ed25519');
    const keystore = openIn(folder);
    const [one, two] = await Promise.all([keystore.open('a'), keystore.open('a')]);
    expect(one).toBe(two);
    expect(one.publicKey).toEqual(made.publicKey);
    expect(await keystore.list()).toEqual(['a']);
    expect([await keystore.has('a'), await keystore.has('b')]).toEqual([true, false]);
  });

  test('is not made twice by a race', async () => {
    const keystore = openIn(scratchFolder());
    const results = await Promise.allSettled([
      keystore.generate('a', 'ed25519'),
      keystore.generate('a', 'ed25519'),
    ]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const winner = results.find((result) => result.status === 'fulfilled');
    expect(await keystore.open('a')).toBe(winner?.value);
  });
});

describe('a key that cannot be opened is signer-unavailable', () => {
  test('with the reason, the id, and nothing of the file or the passphrase', async () => {
    const folder = scratchFolder();
    await openIn(folder).generate('good', 'ed25519');
    const pem = readFileSync(join(folder, 'good.pem'), 'latin1');
    const put = (name: string, text: string): void =>
      writeFileSync(join(folder, `${name}.pem`), text, { mode: 0o600 });
    put('cut', pem.slice(0, 120));
    put('torn', pem.replace(/\n[A-Za-z0-9+/]{64}\n/, '\n'));
    put('text', 'canary-content');
    put('plain', '-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n');
    put('twice', pem + pem);
    symlinkSync(join(folder, 'good.pem'), join(folder, 'link.pem'));
    mkdirSync(join(folder, 'folder.pem'));

    const keystore = openIn(folder);
    const reasons: Record<string, unknown> = {};
    for (const id of ['gone', 'cut', 'torn', 'text', 'plain', 'twice', 'link', 'folder']) {
      const refusal = await refusalOf(keystore.open(id));
      expect(refusal.code).toBe('signer-unavailable');
      expect(refusal.facts.keyId).toBe(id);
      expect(refusal.message).toContain(` ${id} `);
      expect(`${refusal.message} ${String(refusal.cause)}`).not.toMatch(/canary|MC4C/);
      reasons[id] = refusal.facts.reason;
    }
    expect(reasons).toEqual({
      gone: 'missing',
      cut: 'damaged',
      torn: 'damaged',
      text: 'not-encrypted',
      plain: 'not-encrypted',
      twice: 'not-encrypted',
      link: 'unreadable',
      folder: 'unreadable',
    });

    const other = openIn(folder, 'canary-other');
    const refusal = await refusalOf(other.open('good'));
    expect(refusal).toMatchObject({
      code: 'signer-unavailable',
      facts: { keyId: 'good', reason: 'passphrase' },
    });
    expect(JSON.stringify(refusal) + refusal.message + String(refusal.cause)).not.toContain('canary');
  });

  test('and is tried again when it is put back', async () => {
    const folder = scratchFolder();
    const keystore = openIn(folder);
    expect((await refusalOf(keystore.open('a'))).facts.reason).toBe('missing');
    const made = await openIn(folder).generate('a', 'ed25519');
    expect((await keystore.open('a')).publicKey).toEqual(made.publicKey);
  });
});

describe('no key is made', () => {
  test.each(['', '.a', 'a..b', '../a', 'a/b', 'A', 'a b', 'a\n', 'ä', 'x'.repeat(161)])(
    'under the id %j, which is a defect of the caller',
    async (id) => {
      const folder = scratchFolder();
      const keystore = openIn(folder);
      for (const promise of [
        keystore.generate(id, 'ed25519'),
        keystore.open(id),
        keystore.adopt(id, new Uint8Array()),
      ]) {
        await expect(promise).rejects.toThrow(/a key id is/);
      }
      expect(readdirSync(folder)).toEqual([]);
    },
  );

  test('under another passphrase than the keys that are there have', async () => {
    const folder = scratchFolder();
    await openIn(folder).generate('a', 'ed25519');
    const refusal = await refusalOf(openIn(folder, 'mistyped').generate('b', 'ed25519'));
    expect(refusal).toMatchObject({
      code: 'signer-unavailable',
      facts: { keyId: 'a', reason: 'passphrase' },
    });
    expect(readdirSync(folder)).toEqual(['a.pem']);
  });

  test('of what is no key of ours', async () => {
    const folder = scratchFolder();
    const keystore = openIn(folder);
    expect((await refusalOf(keystore.adopt('a', new Uint8Array([0x30, 0])))).code).toBe('bad-key');
    const koblitz = openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp256k1');
    const der = createPrivateKey(koblitz).export({ format: 'der', type: 'pkcs8' });
    expect((await refusalOf(keystore.adopt('a', der))).code).toBe('curve-not-allowed');
    expect(readdirSync(folder)).toEqual([]);
  });

  test('of a private key with the public half of another', async () => {
    const keystore = openIn(scratchFolder());
    const [one, two] = [await generatePrivateKey('ec-p256'), await generatePrivateKey('ec-p256')];
    // In a P-256 PKCS#8 the public point is the last 64 octets.
    two.copy(one, one.length - 64, two.length - 64);
    expect((await refusalOf(keystore.adopt('a', one))).code).toBe('broken-key');
  });

  test('where it cannot be stored', async () => {
    const folder = join(scratchFolder(), 'keys');
    mkdirSync(folder, { mode: 0o700 });
    const keystore = openIn(folder);
    await keystore.generate('a', 'ed25519');
    rmSync(folder, { recursive: true });
    const refusal = await refusalOf(keystore.generate('b', 'ed25519'));
    expect(refusal).toMatchObject({ code: 'storage-unavailable', facts: { errno: 'ENOENT' } });
    expect((await refusalOf(openIn(folder).generate('c', 'ed25519'))).code).toBe('storage-unavailable');
  });
});
