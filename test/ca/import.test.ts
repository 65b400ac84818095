import { afterAll, describe, expect, it } from 'vitest';
import { encodePem } from '../../src/asn1/index.ts';
import { type AuthorityImport, createAuthority, type Fleet, importRoot } from '../../src/ca/index.ts';
import { PkiError } from '../../src/errors.ts';
import type { TargetName } from '../../src/policy/index.ts';
import { checkChain, parseCertificate, parseCertificates } from '../../src/x509/index.ts';
import { manualRootConfig } from '../support/manual-root.ts';
import { memoryCa } from '../support/memory-ca.ts';
import { opensslFolder } from '../support/openssl.ts';
import { codeOfPromise, refusalOfPromise } from '../support/refusal.ts';

const openssl = opensslFolder();

// As the OTA Connect manual has it: key by ecparam, certificate by req -x509 with a configuration.
openssl.write('manual.cnf', manualRootConfig('fleet', 'serverAuth'));
openssl.run('ecparam', '-genkey', '-name', 'prime256v1', '-out', 'with-parameters.pem');
openssl.run('ec', '-in', 'with-parameters.pem', '-out', 'sec1.pem');
openssl.run(
  'req',
  '-new',
  '-x509',
  '-days',
  '3650',
  '-config',
  'manual.cnf',
  '-key',
  'sec1.pem',
  '-out',
  'root.pem',
);

const CA = ['basicConstraints=critical,CA:TRUE'];

/** A self-signed certificate by `openssl req -x509` over the key in `key`, with these extensions. */
function selfSigned(
  name: string,
  key: string,
  extensions: readonly string[],
  ...more: readonly string[]
): string {
  openssl.write('own.cnf', '[req]\nprompt=no\ndistinguished_name=dn\n[dn]\nCN=own\n');
  const added = extensions.flatMap((extension) => ['-addext', extension]);
  const out = ['-config', 'own.cnf', '-key', key, '-out', name];
  openssl.run('req', '-new', '-x509', ...(more.length > 0 ? more : ['-days', '3650']), ...out, ...added);
  return openssl.read(name);
}

const root = openssl.read('root.pem');
const [parsed] = parseCertificates(root);
const begins = parsed?.notBefore ?? new Date(Number.NaN);
/** An hour after OpenSSL, whose clock is the real one, made them. */
const world = memoryCa({ now: new Date(begins.getTime() + 3_600_000).toISOString() });
afterAll(async () => {
  openssl.remove();
  await world.close();
});

let fleets = 0;
const newFleet = (target: TargetName = 'ota-connect'): Promise<Fleet> => world.fleet(`f${fleets++}`, target);
const take = async (more: Partial<AuthorityImport> = {}, fleet?: Fleet) =>
  importRoot(world.ca, world.act(), fleet ?? (await newFleet()), {
    name: 'root',
    certificate: root,
    privateKey: openssl.read('sec1.pem'),
    passphrase: null,
    ...more,
  });
const code = (more: Partial<AuthorityImport>, fleet?: Fleet) => codeOfPromise(take(more, fleet));

describe('a root that the manual’s OpenSSL commands made', () => {
  it('is taken with its key, issues, and comes with the warnings that it deserves', async () => {
    const fleet = await newFleet();
    const { generation, warnings } = await take({}, fleet);
    expect(generation).toMatchObject({ kind: 'root', state: 'active', imported: true, profile: 'imported' });
    expect(Buffer.compare(generation.certificate, parsed?.der ?? Buffer.alloc(0))).toBe(0);
    expect(warnings.length).toBeGreaterThanOrEqual(3);
    const wish = {
      name: 'line',
      kind: 'issuing',
      keyAlgorithm: 'ec-p256',
      profile: null,
      commonName: null,
    } as const;
    const issuing = await createAuthority(world.ca, world.act(), fleet, wish);
    const chain = [issuing.generation.certificate, generation.certificate].map(parseCertificate);
    expect(checkChain(chain, 'serverAuth', world.clock.now())).toEqual([]);
  });

  it('has a key that belongs to no other authority of the service', async () => {
    openssl.run('ecparam', '-genkey', '-name', 'prime256v1', '-noout', '-out', 'once.pem');
    const certificate = selfSigned('once-root.pem', 'once.pem', CA);
    const once = { certificate, privateKey: openssl.read('once.pem') };
    expect(await code(once)).toBe('taken');
    const held = world.keystore.held();
    expect(await code(once)).toBe('key-of-a-ca');
    expect(world.keystore.held()).toEqual(held);
  });
});

it('a root that could not be recorded keeps its key: the record may be on the disk all the same', async () => {
  openssl.run('ecparam', '-genkey', '-name', 'prime256v1', '-noout', '-out', 'failed.pem');
  const certificate = selfSigned('failed-root.pem', 'failed.pem', CA);
  const ledger = {
    ...world.ca.ledger,
    recordGenerationImported: async () => {
      throw new PkiError('storage-unavailable', 'The disk is gone.');
    },
  };
  const fleet = await newFleet();
  const wish = { name: 'root', certificate, privateKey: openssl.read('failed.pem'), passphrase: null };
  const failing = importRoot({ ...world.ca, ledger }, world.act(), fleet, wish);
  expect(await codeOfPromise(failing)).toBe('storage-unavailable');
  expect(world.keystore.held().some((id) => id.startsWith(`${fleet.name}.root.`))).toBe(true);
});

describe('the private key of a root', () => {
  openssl.run('pkcs8', '-topk8', '-nocrypt', '-in', 'sec1.pem', '-out', 'pkcs8.pem');
  openssl.run('pkcs8', '-topk8', '-in', 'sec1.pem', '-passout', 'pass:geheim', '-out', 'pkcs8-encrypted.pem');
  openssl.run('ec', '-aes256', '-in', 'sec1.pem', '-passout', 'pass:geheim', '-out', 'sec1-encrypted.pem');
  openssl.run('ec', '-des3', '-in', 'sec1.pem', '-passout', 'pass:geheim', '-out', 'sec1-des.pem');

  // The ledger knows a key once, so each form is shown to be read by the refusal that comes after reading.
  const read = async (more: Partial<AuthorityImport>): Promise<string> => {
    const fleet = await newFleet();
    const wish = {
      name: 'root',
      kind: 'root',
      keyAlgorithm: 'ec-p256',
      profile: null,
      commonName: null,
    } as const;
    await createAuthority(world.ca, world.act(), fleet, wish);
    return code(more, fleet);
  };

  for (const file of ['sec1', 'with-parameters', 'pkcs8']) {
    it(`is read from ${file}.pem, with and without a passphrase that it does not need`, async () => {
      expect(await read({ privateKey: openssl.read(`${file}.pem`) })).toBe('already-exists');
      expect(await read({ privateKey: openssl.read(`${file}.pem`), passphrase: 'geheim' })).toBe(
        'already-exists',
      );
    });
  }

  for (const file of ['pkcs8-encrypted', 'sec1-encrypted', 'sec1-des']) {
    it(`is read from ${file}.pem with its passphrase alone`, async () => {
      const privateKey = openssl.read(`${file}.pem`);
      expect(await read({ privateKey, passphrase: 'geheim' })).toBe('already-exists');
      expect(await read({ privateKey, passphrase: 'gehein' })).toBe('bad-pem');
      expect(await read({ privateKey, passphrase: '' })).toBe('bad-pem');
      expect(await read({ privateKey })).toBe('bad-pem');
    });

    it(`says of ${file}.pem that it is encrypted, and where its passphrase belongs`, async () => {
      const privateKey = openssl.read(`${file}.pem`);
      const without = await refusalOfPromise(take({ privateKey, passphrase: null }));
      expect(without?.violations.map(({ at }) => at)).toEqual(['/import/passphrase']);
      expect(without?.message).toContain('--passphrase-file');
      const wrong = await refusalOfPromise(take({ privateKey, passphrase: 'gehein' }));
      expect([wrong?.violations, wrong?.message]).toEqual([[], expect.stringContaining('does not fit')]);
    });
  }

  it('is read from PKCS#1, encrypted and not, and as an RSA root is taken', async () => {
    openssl.run('genrsa', '-traditional', '-out', 'pkcs1.pem', '2048');
    openssl.run(
      'rsa',
      '-traditional',
      '-aes128',
      '-in',
      'pkcs1.pem',
      '-passout',
      'pass:geheim',
      '-out',
      'pkcs1-encrypted.pem',
    );
    expect(openssl.read('pkcs1.pem')).toContain('BEGIN RSA PRIVATE KEY');
    const certificate = selfSigned('rsa.pem', 'pkcs1.pem', CA);
    const given = { certificate, privateKey: openssl.read('pkcs1-encrypted.pem'), passphrase: 'geheim' };
    const without = await refusalOfPromise(take({ ...given, passphrase: null }));
    expect(without?.violations.map(({ at }) => at)).toEqual(['/import/passphrase']);
    const { warnings } = await take(given);
    expect(warnings.some((warning) => warning.includes('2048'))).toBe(true);
    expect(await code({ certificate, privateKey: openssl.read('pkcs1.pem') })).toBe('key-of-a-ca');
  });

  it('is one block, and a private one', async () => {
    const key = openssl.read('pkcs8.pem');
    openssl.run('ec', '-in', 'sec1.pem', '-pubout', '-out', 'public.pem');
    for (const privateKey of [
      '',
      'nothing',
      root,
      key + key,
      key + root,
      openssl.read('public.pem'),
      key.slice(0, -30),
    ]) {
      expect(await code({ privateKey })).toBe('bad-pem');
    }
  });

  it('that cannot be read does not show in the refusal', async () => {
    const key = openssl.read('pkcs8.pem');
    const damaged = key.replace(/^(-----BEGIN.*\n.{20}).{8}/, '$1AAAAAAAA');
    const refusal = await refusalOfPromise(take({ privateKey: damaged, passphrase: 'geheim' }));
    expect(refusal?.code).toBe('bad-pem');
    const said = `${refusal?.message} ${JSON.stringify(refusal?.facts)} ${String(refusal?.cause)}`;
    for (const line of damaged.split('\n').slice(1, -2)) expect(said).not.toContain(line);
    expect(said).not.toContain('geheim');
  });

  it('of a kind that heads no fleet is refused', async () => {
    openssl.run('genpkey', '-algorithm', 'X25519', '-out', 'x25519.pem');
    openssl.run('ecparam', '-genkey', '-name', 'secp256k1', '-noout', '-out', 'koblitz.pem');
    openssl.run('genpkey', '-algorithm', 'ED25519', '-out', 'ed25519.pem');
    openssl.run('genrsa', '-out', 'rsa-1024.pem', '1024');
    const key = (name: string) => ({ privateKey: openssl.read(`${name}.pem`) });
    const both = (name: string) => ({ certificate: selfSigned('c.pem', `${name}.pem`, CA), ...key(name) });
    expect(await code(key('x25519'))).toBe('algorithm-not-allowed');
    expect(await code(key('koblitz'))).toBe('curve-not-allowed');
    expect(await code(both('koblitz'))).toBe('curve-not-allowed');
    expect(await code(both('rsa-1024'))).toBe('weak-key');
    expect(await code(both('ed25519'))).toBe('algorithm-not-allowed');
    expect(await code(both('ed25519'), await newFleet('ota-ce'))).toBe('taken');
  });
});

describe('the certificate of a root', () => {
  const own = (extensions: readonly string[], ...more: readonly string[]) => ({
    certificate: selfSigned('own.pem', 'sec1.pem', extensions, ...more),
  });

  it('is one block, and a certificate', async () => {
    for (const certificate of ['', 'nothing', root.slice(0, -30), openssl.read('pkcs8.pem')]) {
      expect(await code({ certificate })).toBe('bad-pem');
    }
    expect(await code({ certificate: root + root })).toBe('bad-ca-certificate');
    expect(await code({ certificate: encodePem('CERTIFICATE', Buffer.from('0500', 'hex')) })).toBe('bad-der');
  });

  it('may have text around it', async () => {
    openssl.run('x509', '-in', 'root.pem', '-text', '-out', 'text.pem');
    expect(await code({ certificate: openssl.read('text.pem') })).toBe('key-of-a-ca');
  });

  it('is a CA that may sign certificates', async () => {
    openssl.write(
      'leaf.cnf',
      '[req]\nprompt=no\ndistinguished_name=dn\nx509_extensions=e\n[dn]\nCN=own\n[e]\nbasicConstraints=CA:FALSE\n',
    );
    const leaf = ['-config', 'leaf.cnf', '-key', 'sec1.pem', '-out', 'leaf.pem'];
    openssl.run('req', '-new', '-x509', '-days', '30', ...leaf);
    expect(await code({ certificate: openssl.read('leaf.pem') })).toBe('bad-ca-certificate');
    expect(await code(own([...CA, 'keyUsage=digitalSignature,cRLSign']))).toBe('bad-ca-certificate');
  });

  it('belongs to the key that comes with it', async () => {
    openssl.run('ecparam', '-genkey', '-name', 'prime256v1', '-noout', '-out', 'other.pem');
    expect(await code({ privateKey: openssl.read('other.pem') })).toBe('bad-ca-certificate');
  });

  it('is signed by its own key', async () => {
    openssl.run('ecparam', '-genkey', '-name', 'prime256v1', '-noout', '-out', 'below.pem');
    openssl.write('sub.cnf', '[e]\nbasicConstraints=critical,CA:TRUE\n');
    for (const subject of ['/CN=below', '/CN=fleet']) {
      openssl.run('req', '-new', '-key', 'below.pem', '-subj', subject, '-out', 'below.csr');
      const signed = [
        '-CA',
        'root.pem',
        '-CAkey',
        'sec1.pem',
        '-set_serial',
        '7',
        '-extfile',
        'sub.cnf',
        '-extensions',
        'e',
      ];
      openssl.run('x509', '-req', '-in', 'below.csr', ...signed, '-days', '30', '-out', 'below-root.pem');
      const below = { certificate: openssl.read('below-root.pem'), privateKey: openssl.read('below.pem') };
      expect(await code(below)).toBe('bad-ca-certificate');
    }
  });

  it('is valid now: not ended, and begun', async () => {
    const start = world.clock.now();
    const { notBefore, notAfter } = parsed as { notBefore: Date; notAfter: Date };
    for (const [at, expected] of [
      [new Date(notAfter.getTime() + 1), 'bad-ca-certificate'],
      [notAfter, 'bad-ca-certificate'],
      [new Date(notBefore.getTime() - 1000), 'bad-ca-certificate'],
    ] as const) {
      world.clock.set(at);
      expect(await code({}, { id: 1, name: 'f', target: 'ota-connect' } as Fleet)).toBe(expected);
    }
    world.clock.set(start);
  });

  it('has a subject', async () => {
    openssl.write('empty.cnf', '[req]\nprompt=no\ndistinguished_name=dn\n[dn]\n');
    openssl.run(
      'req',
      '-new',
      '-x509',
      '-days',
      '30',
      '-config',
      'empty.cnf',
      '-subj',
      '/',
      '-key',
      'sec1.pem',
      '-addext',
      'basicConstraints=critical,CA:TRUE',
      '-out',
      'empty.pem',
    );
    expect(await code({ certificate: openssl.read('empty.pem') })).toBe('bad-ca-certificate');
  });

  it('is not signed over a broken digest', async () => {
    expect(await code(own(CA, '-days', '30', '-sha1'))).toBe('weak-signature');
  });

  it('of version 1, or with a malformed extension, is called a bad certificate and not a bad request', async () => {
    expect(await code(own([]))).toBe('bad-ca-certificate'); // version 1: it has no extensions
    for (const bad of ['basicConstraints=DER:0500', 'basicConstraints=CA:TRUE\nkeyUsage=DER:0500']) {
      openssl.write(
        'bad.cnf',
        `[req]\nprompt=no\ndistinguished_name=dn\nx509_extensions=e\n[dn]\nCN=own\n[e]\n${bad}\n`,
      );
      openssl.run(
        'req',
        '-new',
        '-x509',
        '-days',
        '30',
        '-config',
        'bad.cnf',
        '-key',
        'sec1.pem',
        '-out',
        'bad.pem',
      );
      expect(await code({ certificate: openssl.read('bad.pem') })).toBe('bad-ca-certificate');
    }
  });
});

it('a fleet that has a root takes no second one', async () => {
  const fleet = await newFleet();
  await world.root(fleet);
  expect(await code({}, fleet)).toBe('already-exists');
  expect(await code({ name: 'other' }, fleet)).toBe('already-exists');
});
