/** `fleetca cert-provider` into folders: every option, with a fleet CA's key at hand and by a server's hand. */
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callFromFolder } from '../support/import-folder.ts';
import { type OpensslGateway, startOpensslGateway } from '../support/openssl-gateway.ts';
import {
  makeWorkshop,
  type Registration,
  type RegistrationAnswer,
  startRegistrationServer,
  writeZip,
} from '../support/provisioning-server.ts';
import { runFleetca } from '../support/run-fleetca.ts';

const shop = makeWorkshop();
const work = shop.folder;
const at = (...names: readonly string[]): string => join(work, ...names);
const run = (...args: readonly string[]) => runFleetca({ cwd: work }, 'cert-provider', ...args);
const CA = ['--fleet-ca', 'fleet.pem', '--fleet-ca-key', 'fleet.key'];
const IMPORT = 'var/sota/import';

/** Runs what must work out; its answer, and where the files are. */
async function must(...args: readonly string[]) {
  const ran = await run(...args, '--json');
  if (ran.status !== 0) throw new Error(ran.err);
  return JSON.parse(ran.out);
}

const certificateIn = (folder: string): X509Certificate =>
  new X509Certificate(readFileSync(join(folder, 'client.pem')));
const subjectIn = (folder: string): string =>
  shop
    .run(
      'x509',
      '-in',
      join(folder, 'client.pem'),
      '-noout',
      '-subject',
      '-nameopt',
      'sep_multiline,utf8,-esc_msb',
    )
    .trim();

let gateway: OpensslGateway;
let url = '';

beforeAll(async () => {
  gateway = await startOpensslGateway(shop.read('fleet.pem'));
  url = `https://localhost:${gateway.port}`;
  shop.write('its-root.pem', gateway.root);
  await writeZip(at('credentials.zip'), {
    'autoprov.url': `${url}
`,
    'server_ca.pem': gateway.root,
  });
});

afterAll(async () => {
  gateway.close();
  shop.remove();
});

describe("with a fleet CA's key at hand", () => {
  it('the procedure for device credentials ends at a gateway that trusts the fleet root alone', async () => {
    await must(...CA, '-c', 'credentials.zip', '-r', '-u', '-l', 'flow', '--certificate-cn', 'VIN-1');
    expect(readdirSync(at('flow', IMPORT)).sort()).toEqual([
      'client.pem',
      'gateway.url',
      'pkey.pem',
      'root.crt',
    ]);
    expect(await callFromFolder(at('flow', IMPORT))).toBe('online');
    shop.root('other', 'another root', 'serverAuth, clientAuth');
    const others = ['--fleet-ca', 'other.pem', '--fleet-ca-key', 'other.key'];
    await must(...others, '-c', 'credentials.zip', '-r', '-u', '-l', 'flow', '-d', '/other');
    expect(await callFromFolder(at('flow/other'))).not.toBe('online');
  });

  it('section 4, --fleet-ca: may be an intermediate: client.pem has it, and the gateway needs no more than its root', async () => {
    shop.under(
      'fleet',
      'line',
      'line 7',
      'basicConstraints = critical, CA:TRUE, pathlen:0\nkeyUsage = critical, keyCertSign',
    );
    const line = ['--fleet-ca', 'line.pem', '--fleet-ca-key', 'line.key'];
    await must(...line, '-c', 'credentials.zip', '-r', '-u', '-l', 'line');
    expect(readFileSync(at('line', IMPORT, 'client.pem'), 'utf8').match(/BEGIN CERTIFICATE/g)).toHaveLength(
      2,
    );
    expect(await callFromFolder(at('line', IMPORT))).toBe('online');
  });

  it('section 4, -l/--local: writes under the folder: pkey.pem as PKCS#8 and client.pem, 0600, and no more', async () => {
    const told = await must(...CA, '--local', 'local');
    expect(readdirSync(at('local', IMPORT)).sort()).toEqual(['client.pem', 'pkey.pem']);
    const key = readFileSync(at('local', IMPORT, 'pkey.pem'), 'latin1');
    expect(key).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(certificateIn(at('local', IMPORT)).checkPrivateKey(createPrivateKey(key))).toBe(true);
    expect(
      ['client.pem', 'pkey.pem'].map((name) => statSync(at('local', IMPORT, name)).mode & 0o777),
    ).toEqual([0o600, 0o600]);
    expect(told).toMatchObject({ madeBy: 'fleet-ca', places: ['local'], warnings: [] });
    expect(told.serial).toMatch(/^[0-9a-f]{32}$/);
  });

  it('section 4, -r/--root-ca and -u/--server-url: root.crt is written, and gateway.url without a newline', async () => {
    await must(...CA, '-c', 'credentials.zip', '--root-ca', '--server-url', '-l', 'ru');
    expect(readFileSync(at('ru', IMPORT, 'root.crt'), 'latin1')).toBe(gateway.root);
    expect(readFileSync(at('ru', IMPORT, 'gateway.url'), 'latin1')).toBe(url);
  });

  it.each([
    ['as HERE wrote it, with RC2-40', ['-legacy']],
    ['as OpenSSL 3 writes it', []],
  ])(
    'section 4, -r/--root-ca: takes all CAs of autoprov_credentials.p12 where there is no server_ca.pem: %s',
    async (_, how) => {
      shop.root('second', 'second gateway root', 'serverAuth');
      const p12 = shop.p12('gateway', ['gateway-root', 'second'], ...how);
      await writeZip(at('p12.zip'), { 'autoprov.url': url, 'autoprov_credentials.p12': p12 });
      await must(...CA, '-c', 'p12.zip', '-r', '-l', `p12-${how.length}`);
      const roots = readFileSync(at(`p12-${how.length}`, IMPORT, 'root.crt'), 'latin1');
      expect(roots).toBe(shop.read('gateway-root.pem') + shop.read('second.pem'));
    },
  );

  it('section 4, -c/--credentials: without -u and -r it need not say anything', async () => {
    await writeZip(at('empty.zip'), { 'treehub.json': '{}' });
    await must(...CA, '-c', 'empty.zip', '-l', 'empty');
  });

  it.each([
    ['no root at all', { 'autoprov.url': 'https://gw' }, ['-r']],
    ['no URL', { 'server_ca.pem': 'x' }, ['-u']],
    ['http://, over which a device talks without TLS', { 'autoprov.url': 'http://gw:8000' }, ['-u']],
    ['a URL in two lines', { 'autoprov.url': 'https://gw\nhttps://gw2' }, ['-u']],
  ])(
    'section 4, -c/--credentials: with %s it is refused, and nothing is written',
    async (_, entries, flags) => {
      await writeZip(at('bad.zip'), entries as Record<string, string>);
      const ran = await run(...CA, '-c', 'bad.zip', '-l', 'nothing', ...flags);
      expect([ran.status, ran.out]).toEqual([2, '']);
      expect(() => readdirSync(at('nothing'))).toThrow('ENOENT');
    },
  );

  it('section 4, -c/--credentials: refused where it is no zip', async () => {
    expect((await run(...CA, '-c', 'fleet.pem', '-r', '-l', 'nothing')).status).toBe(2);
    expect((await run(...CA, '-c', 'none.zip', '-r', '-l', 'nothing')).status).toBe(2);
  });

  it("section 4, --fleet-ca-key: another's, and that of a CA that may not sign, are refused", async () => {
    const mixed = await run('--fleet-ca', 'fleet.pem', '--fleet-ca-key', 'gateway-root.key', '-l', 'nothing');
    expect([mixed.status, mixed.err]).toEqual([2, expect.stringContaining('is not the key of')]);
    const leaf = await run('--fleet-ca', 'gateway.pem', '--fleet-ca-key', 'gateway.key', '-l', 'nothing');
    expect([leaf.status, leaf.err]).toEqual([2, expect.stringContaining("is not a CA's")]);
  });

  it('--passphrase-file opens an encrypted key, and no passphrase is asked for or told', async () => {
    shop.run(
      'pkcs8',
      '-topk8',
      '-in',
      'fleet.key',
      '-out',
      'sealed.key',
      '-passout',
      'pass:open sesame',
      '-v2',
      'aes-256-cbc',
    );
    shop.write('passphrase', 'open sesame\n');
    const sealed = ['--fleet-ca', 'fleet.pem', '--fleet-ca-key', 'sealed.key', '-l', 'sealed'];
    expect((await run(...sealed)).status).toBe(2);
    const ran = await run(...sealed, '--passphrase-file', 'passphrase');
    expect([ran.status, ran.out + ran.err]).toEqual([0, expect.not.stringContaining('sesame')]);
  });

  it('section 4, --bits: an RSA key, where the default is EC P-256; fewer than 2048 are refused', async () => {
    await must(...CA, '-l', 'ec');
    expect(certificateIn(at('ec', IMPORT)).publicKey.asymmetricKeyDetails?.namedCurve).toBe('prime256v1');
    await must(...CA, '--bits', '2048', '-c', 'credentials.zip', '-r', '-u', '-l', 'rsa');
    expect(certificateIn(at('rsa', IMPORT)).publicKey.asymmetricKeyDetails?.modulusLength).toBe(2048);
    expect(readFileSync(at('rsa', IMPORT, 'pkey.pem'), 'latin1')).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    expect(await callFromFolder(at('rsa', IMPORT))).toBe('online');
    expect((await run(...CA, '--bits', '1024', '-l', 'nothing')).status).toBe(3);
  });

  it('section 4, --days: how long it is valid, 365 without; more than the CA has are refused', async () => {
    const day = 86_400_000;
    const { notAfter } = await must(...CA, '--days', '30', '-l', 'days');
    expect(Math.abs(Date.parse(notAfter) - Date.now() - 30 * day)).toBeLessThan(day / 24);
    const long = await must(...CA, '-l', 'days');
    expect(Math.abs(Date.parse(long.notAfter) - Date.now() - 365 * day)).toBeLessThan(day / 24);
    expect((await run(...CA, '--days', '3651', '-l', 'nothing')).status).toBe(3);
    expect((await run(...CA, '--days', '0', '-l', 'nothing')).status).toBe(2);
  });

  it('section 4, --certificate-c, --certificate-st, --certificate-o and --certificate-cn: the subject, CN first, in UTF-8', async () => {
    const subject = [
      '--certificate-c',
      'de',
      '--certificate-st',
      'Baden-Württemberg',
      '--certificate-o',
      'Ünïcode & Söhne',
    ];
    const told = await must(...CA, ...subject, '--certificate-cn', 'Fahrgestell Ä 1', '-l', 'subject');
    expect(told.deviceId).toBe('Fahrgestell Ä 1');
    expect(subjectIn(at('subject', IMPORT)).split(/\n\s*/)).toEqual([
      'subject=',
      'CN=Fahrgestell Ä 1',
      'O=Ünïcode & Söhne',
      'ST=Baden-Württemberg',
      'C=DE',
    ]);
  });

  it('section 4, --certificate-cn: a random UUID where it is left out, which ota-ce takes too', async () => {
    const [one, two] = [await must(...CA, '-l', 'cn'), await must(...CA, '-l', 'cn')];
    expect(one.deviceId).toMatch(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
    expect(one.deviceId).not.toBe(two.deviceId);
    expect(certificateIn(at('cn', IMPORT)).subject).toBe(`CN=${two.deviceId}`);
  });

  it('a subject that does not fit is refused by the name of its option, and a device ID by the rules for those', async () => {
    const subject = await run(...CA, '--certificate-c', 'GER', '--certificate-o', '', '-l', 'nothing');
    expect([subject.status, subject.err]).toEqual([
      2,
      expect.stringMatching(/--certificate-o: .*\n.*--certificate-c: /),
    ]);
    expect((await run(...CA, '--certificate-cn', 'a/b', '-l', 'nothing')).status).toBe(3);
  });

  it('section 4, -d/--directory: says where the files go, and -l puts that under its folder', async () => {
    await must(...CA, '-l', 'under', '--directory', '/var/sota');
    expect(readdirSync(at('under/var/sota')).sort()).toEqual(['client.pem', 'pkey.pem']);
  });

  it('section 4, -g/--config: repeated, it names the files by import.*, then storage.*, and tls.server_url_path', async () => {
    mkdirSync(at('conf.d'));
    writeFileSync(
      at('conf.d/20-import.toml'),
      '[import]\nbase_path = "/var/creds"\ntls_pkey_path = "device key.pem"\n',
    );
    writeFileSync(at('conf.d/30-storage.toml'), '[storage]\ntls_clientcert_path = "cert.pem"\n');
    writeFileSync(at('tls.toml'), '[tls]\nserver_url_path = "/etc/gw/url"\n');
    const config = ['-g', 'conf.d', '--config', 'tls.toml'];
    const { files } = await must(...CA, '-c', 'credentials.zip', '-r', '-u', ...config, '-l', 'config');
    expect(files).toEqual([
      '/var/creds/root.crt',
      '/etc/gw/url',
      '/var/creds/device key.pem',
      '/var/creds/cert.pem',
    ]);
    expect(files.every((file: string) => statSync(at('config', file)).isFile())).toBe(true);
    expect((await run(...CA, ...config, '-d', '/x', '-l', 'nothing')).status).toBe(2);
  });

  it('-h prints help with every option', async () => {
    const { status, out } = await run('-h');
    expect(status).toBe(0);
    const flags = [
      '-c, --credentials',
      '--fleet-ca ',
      '--fleet-ca-key',
      '--bits',
      '--days',
      '-t, --target',
      '-p, --port',
    ];
    const more = [
      '-d, --directory',
      '-r, --root-ca',
      '-u, --server-url',
      '-l, --local',
      '-g, --config',
      '-s, --skip-checks',
    ];
    const subject = ['--certificate-c ', '--certificate-st', '--certificate-o', '--certificate-cn'];
    for (const flag of [...flags, ...more, ...subject]) expect(out).toContain(flag);
  });
});

describe('by a server that the credentials register devices at', () => {
  let answer: (registration: Registration) => RegistrationAnswer;
  let server: Awaited<ReturnType<typeof startRegistrationServer>>;

  /** What such a server makes: key and certificate by a device CA of its own, and its CAs, with an empty password. */
  const makeDevice = ({ deviceId }: Registration): RegistrationAnswer => {
    shop.under('server-line', 'made', String(deviceId), 'extendedKeyUsage = clientAuth');
    return { status: 200, body: shop.p12('made', ['server-line', 'its-root']) };
  };

  beforeAll(async () => {
    shop.under(
      'fleet',
      'server-line',
      'the server',
      'basicConstraints = critical, CA:TRUE\nkeyUsage = keyCertSign',
    );
    shop.root('registration', 'registration CA', 'clientAuth');
    shop.under('registration', 'registrar', 'shared by all', 'extendedKeyUsage = clientAuth');
    const files = { key: 'gateway.key', cert: 'gateway.pem', ca: 'registration.pem' };
    server = await startRegistrationServer(work, files, (registration) => answer(registration));
    const p12 = shop.p12('registrar', ['gateway-root'], '-legacy');
    await writeZip(at('shared.zip'), { 'autoprov.url': `${server.url}\n`, 'autoprov_credentials.p12': p12 });
  });

  afterAll(() => server.stop());

  it('asks as aktualizr does, and the device goes online with what was made for it', async () => {
    answer = makeDevice;
    const told = await must(
      '-c',
      'shared.zip',
      '-r',
      '-u',
      '-d',
      '/var/sota',
      '-l',
      'shared',
      '--certificate-cn',
      'VIN-7',
    );
    expect(server.seen).toEqual([
      {
        deviceId: 'VIN-7',
        ttl: 36_000,
        path: '/devices',
        method: 'POST',
        contentType: 'application/json',
        registrar: 'shared by all',
      },
    ]);
    expect(told).toMatchObject({ deviceId: 'VIN-7', madeBy: 'server', warnings: [] });
    const folder = at('shared/var/sota');
    expect(readFileSync(join(folder, 'client.pem'), 'utf8').match(/BEGIN CERTIFICATE/g)).toHaveLength(2);
    expect(readFileSync(join(folder, 'root.crt'), 'latin1')).toBe(gateway.root);
    expect(readFileSync(join(folder, 'pkey.pem'), 'latin1')).toMatch(/^-----BEGIN PRIVATE KEY-----\n/);
    // The server registers; the device's gateway is the one that trusts the fleet root.
    expect(readFileSync(join(folder, 'gateway.url'), 'latin1')).toBe(server.url);
    writeFileSync(join(folder, 'gateway.url'), url);
    expect(await callFromFolder(folder)).toBe('online');
  });

  it('says which options the server decides, and what it made of the name', async () => {
    answer = (registration) => makeDevice({ ...registration, deviceId: 'renamed' });
    const told = await must(
      '-c',
      'shared.zip',
      '-l',
      'renamed',
      '--days',
      '7',
      '--bits',
      '2048',
      '--certificate-cn',
      'VIN-8',
    );
    expect(told.deviceId).toBe('renamed');
    expect(told.warnings).toEqual([
      '--bits, --days: left aside, since whoever signs decides that.',
      'The server did not take the name VIN-8: the device is renamed.',
    ]);
  });

  const TAKEN = JSON.stringify({ code: 'device_already_registered', description: 'taken' });
  it.each([
    ['the ID is taken', { status: 409, body: TAKEN }, 5, 'already-exists'],
    ['the ID is taken, by its code alone', { status: 400, body: TAKEN }, 5, 'already-exists'],
    ['it does not know the registrar any more', { status: 403, body: '{}' }, 4, 'login-refused'],
    ['it is too busy', { status: 503, body: 'later' }, 6, 'busy'],
    ['it is broken', { status: 500, body: '' }, 70, 'service-defect'],
    ['it breaks the connection off', 'cut', 6, 'cut-off'],
    ['it answers with no PKCS#12', { status: 200, body: 'what' }, 2, 'bad-pkcs12'],
  ] as const)(
    'ends with a truthful status where %s, and nothing is written',
    async (_, given, status, code) => {
      answer = () => given;
      const ran = await run('-c', 'shared.zip', '-l', 'nothing');
      expect([ran.status, ran.err]).toEqual([status, expect.stringContaining(`fleetca: ${code}: `)]);
      expect(() => readdirSync(at('nothing'))).toThrow('ENOENT');
    },
  );

  it('registers nobody where the files could not be put', async () => {
    const before = server.seen.length;
    mkdirSync(at('in-the-way', IMPORT, 'client.pem'), { recursive: true });
    expect((await run('-c', 'shared.zip', '-l', 'in-the-way')).status).toBe(2);
    expect(server.seen).toHaveLength(before);
  });

  it('shows the registration key to nobody but the server that its CA vouches for', async () => {
    const p12 = shop.p12('registrar', ['other']);
    await writeZip(at('wrong.zip'), { 'autoprov.url': server.url, 'autoprov_credentials.p12': p12 });
    const ran = await run('-c', 'wrong.zip', '-l', 'nothing');
    expect([ran.status, ran.err]).toEqual([4, expect.stringContaining('fleetca: untrusted: ')]);
    await writeZip(at('http.zip'), {
      'autoprov.url': server.url.replace('https', 'http'),
      'autoprov_credentials.p12': p12,
    });
    expect((await run('-c', 'http.zip', '-l', 'nothing')).status).toBe(2);
  });
});
