import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { beforeAll, describe, expect, it } from 'vitest';
import { fileInMemory } from '../../src/archive/index.ts';
import {
  asRead,
  type CredentialsParts,
  type CredentialsReport,
  credentialsFiles,
  encodeTreehub,
  inspectCredentials,
  readCredentials,
  readGateway,
  zipFiles,
} from '../../src/bundle/index.ts';
import { encodeCertificatePem, encodePkcs12, type Pkcs12Contents } from '../../src/x509/index.ts';
import { makeKey } from '../support/csr.ts';
import { seededRandom } from '../support/fixed.ts';
import { hierarchy } from '../support/hierarchy.ts';
import { makeUptane } from '../support/uptane.ts';

const now = new Date('2026-08-01T00:00:00Z');
const URL_OF_GATEWAY = 'https://gateway.example:8443';

interface Made {
  readonly pair: Pkcs12Contents;
  readonly root: Uint8Array;
  readonly otherRoot: Uint8Array;
  readonly otherKey: Uint8Array;
}
let made: Made;

const pkcs8 = (pem: string): Uint8Array => createPrivateKey(pem).export({ format: 'der', type: 'pkcs8' });

beforeAll(async () => {
  const authorities = hierarchy(now);
  const root = await authorities.authority('generic', 'fleet-root', 'gateway root');
  const other = await authorities.authority('generic', 'fleet-root', 'another root');
  const registration = await authorities.authority('generic', 'fleet-root', 'registration');
  const key = makeKey();
  const own = await authorities.device(registration, 'registration-1', key);
  made = {
    pair: {
      privateKey: pkcs8(key.pkcs8Pem),
      certificates: [own, root.certificate.der],
      friendlyName: null,
    },
    root: root.certificate.der,
    otherRoot: other.certificate.der,
    otherKey: pkcs8(makeKey().pkcs8Pem),
  };
});

const p12 = (contents: Pkcs12Contents, passphrase = ''): Uint8Array =>
  encodePkcs12(contents, { passphrase, protection: 'pbe-sha1-3des', random: seededRandom('credentials') });
const caPem = (...ders: readonly Uint8Array[]): string => ders.map(encodeCertificatePem).join('');

const OAUTH2 = {
  form: 'oauth2',
  server: 'https://auth.example/token',
  clientId: 'client-1',
  clientSecret: 'the-client-secret',
  scope: 'namespace.a',
} as const;
const treehub = encodeTreehub({ server: 'https://treehub.example', login: OAUTH2 });

const inspect = (parts: CredentialsParts): CredentialsReport =>
  inspectCredentials(asRead(credentialsFiles(parts)), now);

const stateOf = ({ tools }: CredentialsReport, tool: string): string | undefined =>
  tools.find((one) => one.tool === tool)?.state;
const working = ({ tools }: CredentialsReport): readonly string[] =>
  tools.filter(({ state }) => state === 'works').map(({ tool }) => tool);
const said = ({ findings }: CredentialsReport): readonly string[] =>
  findings.map(({ severity, entry, message }) => `${severity}: ${entry}: ${message}`);

/** All entries, as they should be. */
const everything = (): CredentialsParts => ({
  'autoprov.url': URL_OF_GATEWAY,
  'autoprov_credentials.p12': p12(made.pair),
  'server_ca.pem': caPem(made.root),
  'treehub.json': treehub,
  'tufrepo.url': 'https://repo.example/api/v1/user_repo',
  'api_gateway.url': 'https://api.example',
  ...makeUptane(),
});

describe('credentials.zip, entry by entry:', () => {
  it('section 3, autoprov.url: the gateway, read by devices and cert-provider; readers trim, originals have no newline', () => {
    const parts = { 'autoprov.url': URL_OF_GATEWAY, 'server_ca.pem': caPem(made.root) };
    expect(inspect(parts)).toMatchObject({ works: true, findings: [] });
    const trimmed = inspect({ ...parts, 'autoprov.url': `${URL_OF_GATEWAY}\n` });
    expect(trimmed.works).toBe(true);
    expect(said(trimmed)).toEqual([expect.stringMatching(/^warning: autoprov.url: .*line end/)]);
    for (const [url, why] of [
      [`${URL_OF_GATEWAY}/`, /slash/],
      ['http://gateway.example', /https/],
      [`${URL_OF_GATEWAY}/director`, /path/],
      ['gateway.example', /not a URL/],
      ['', /empty/],
      ['\ufeffhttps://gateway.example', /byte order mark/],
      [Uint8Array.of(0xff), /UTF-8/],
    ] as const) {
      const report = inspect({ ...parts, 'autoprov.url': url });
      expect(report.works, String(url)).toBe(false);
      expect(stateOf(report, 'cert-provider-fleet-ca')).toBe('broken');
      expect(said(report)).toContainEqual(expect.stringMatching(why));
    }
  });

  it('section 3, autoprov_credentials.p12: key, certificate and gateway CA with an empty password, read by devices and cert-provider', () => {
    const parts = { 'autoprov.url': URL_OF_GATEWAY, 'autoprov_credentials.p12': p12(made.pair) };
    const good = inspect(parts);
    expect(said(good)).toEqual([]);
    expect(working(good)).toEqual(['device-shared', 'cert-provider', 'cert-provider-fleet-ca']);
    expect(good.certificates.map(({ role, subject }) => [role, subject])).toEqual([
      ['own', 'CN=registration-1'],
      ['ca', 'CN=gateway root'],
    ]);
    const [own = new Uint8Array(), root = new Uint8Array()] = made.pair.certificates;
    for (const [contents, passphrase, why] of [
      [made.pair, 'secret', /empty password/],
      [{ ...made.pair, certificates: [own] }, '', /no CA certificate/],
      [{ ...made.pair, privateKey: made.otherKey }, '', /not that of the private key/],
      [{ ...made.pair, privateKey: null, certificates: [root] }, '', /no private key/],
      [{ ...made.pair, certificates: [] }, '', /no certificate/],
    ] as const) {
      const report = inspect({ ...parts, 'autoprov_credentials.p12': p12(contents, passphrase) });
      expect(stateOf(report, 'device-shared')).toBe('broken');
      expect(said(report)).toContainEqual(expect.stringMatching(why));
    }
    const garbage = inspect({ ...parts, 'autoprov_credentials.p12': 'no PKCS#12' });
    expect(stateOf(garbage, 'cert-provider')).toBe('broken');
  });

  it('section 3, autoprov_credentials.p12: expired, or soon', () => {
    const parts = { 'autoprov.url': URL_OF_GATEWAY, 'autoprov_credentials.p12': p12(made.pair) };
    const files = asRead(credentialsFiles(parts));
    const later = inspectCredentials(files, new Date('2027-08-02T00:00:00Z'));
    expect(said(later)).toContainEqual(
      expect.stringMatching(/^error: autoprov_credentials.p12: .*registration-1 expired/),
    );
    const soon = inspectCredentials(files, new Date('2027-07-20T00:00:00Z'));
    expect(soon.works).toBe(true);
    expect(said(soon)).toEqual([expect.stringMatching(/^warning: .*registration-1 expires on 2027-08-01/)]);
    const early = inspectCredentials(files, new Date('2026-07-01T00:00:00Z'));
    expect(said(early)).toContainEqual(expect.stringMatching(/not valid before/));
  });

  it('section 3, server_ca.pem: the gateway root, which cert-provider reads with a fleet CA and -r; else the CAs of the p12', () => {
    const url = { 'autoprov.url': URL_OF_GATEWAY };
    expect(working(inspect({ ...url, 'server_ca.pem': caPem(made.root, made.otherRoot) }))).toEqual([
      'cert-provider-fleet-ca',
    ]);
    const bare = inspect(url);
    expect(bare.tools.find(({ tool }) => tool === 'cert-provider-fleet-ca')).toMatchObject({
      state: 'broken',
      missing: ['server_ca.pem or autoprov_credentials.p12'],
    });
    for (const [pem, why] of [
      ['no PEM', /no certificate/],
      [made.root, /no certificate/],
      [`-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n`, /PRIVATE KEY/],
      ['-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n', /not an X.509/],
    ] as const) {
      const report = inspect({ ...url, 'server_ca.pem': pem });
      expect(report.works).toBe(false);
      expect(said(report)).toEqual([expect.stringMatching(why)]);
    }
  });

  it('section 3, server_ca.pem and autoprov_credentials.p12: both name one gateway root', () => {
    const both = { 'autoprov.url': URL_OF_GATEWAY, 'autoprov_credentials.p12': p12(made.pair) };
    expect(inspect({ ...both, 'server_ca.pem': caPem(made.otherRoot, made.root) }).works).toBe(true);
    const report = inspect({ ...both, 'server_ca.pem': caPem(made.otherRoot) });
    expect(report.works).toBe(false);
    expect(said(report)).toEqual([expect.stringMatching(/^error: server_ca.pem: has none of the CA/)]);
  });

  it('section 3, treehub.json: the three forms, read by garage-push, garage-deploy, garage-sign and ota-cli', () => {
    for (const login of [OAUTH2, { form: 'basic', user: 'ci', password: 'pw' }, { form: 'none' }] as const) {
      const report = inspect({
        'treehub.json': encodeTreehub({ server: 'https://treehub.example', login }),
        'tufrepo.url': 'https://repo.example',
      });
      expect(said(report)).toEqual([]);
      expect(working(report)).toEqual(['garage-push', 'garage-deploy', 'ota-cli', 'garage-sign']);
    }
    expect(JSON.parse(treehub)).toEqual({
      ostree: { server: 'https://treehub.example' },
      oauth2: {
        server: 'https://auth.example/token',
        client_id: 'client-1',
        client_secret: 'the-client-secret',
        scope: 'namespace.a',
      },
    });
    const basic = encodeTreehub({ server: 'https://t', login: { form: 'basic', user: 'u', password: 'p' } });
    expect(JSON.parse(basic)).toMatchObject({ basic_auth: { user: 'u', password: 'p' } });
    expect(JSON.parse(encodeTreehub({ server: 'https://t', login: { form: 'none' } }))).toMatchObject({
      no_auth: true,
    });
  });

  it.each<[string, unknown, RegExp]>([
    ['oauth instead of oauth2', { oauth: { server: 'https://a' } }, /"oauth" is not read; it is "oauth2"/],
    [
      'username instead of user',
      { basic_auth: { username: 'u', password: 'hidden-pw' } },
      /"username" is not read; it is "user"/,
    ],
    ['no way to log in', {}, /no way to log in/],
    ['no_auth false alone', { no_auth: false }, /no way to log in/],
    ['no_auth as text', { no_auth: 'true' }, /"no_auth" is missing, or is not/],
    ['no client_secret', { oauth2: { server: 'https://a', client_id: 'c' } }, /"oauth2.client_secret"/],
    [
      'a client_secret that is a number',
      { oauth2: { server: 'https://a', client_id: 'c', client_secret: 12_345_678 } },
      /"oauth2.client_secret"/,
    ],
    ['no ostree server', { ostree: {}, no_auth: true }, /"ostree.server"/],
    ['an ostree server that is no URL', { ostree: { server: 'treehub' }, no_auth: true }, /not a URL/],
  ])('section 3, treehub.json: with %s it would not work', (_, members, why) => {
    const json = JSON.stringify({ ostree: { server: 'https://treehub.example' }, ...(members as object) });
    const report = inspect({ 'treehub.json': json });
    expect(stateOf(report, 'garage-push')).toBe('broken');
    expect(said(report)).toContainEqual(expect.stringMatching(why));
    expect(JSON.stringify(report)).not.toMatch(/hidden-pw|12345678/);
  });

  it('section 3, treehub.json: what is no JSON object is not quoted', () => {
    for (const text of ['{"client_secret":"hidden-pw"', '[]', 'null', '"hidden-pw"']) {
      const report = inspect({ 'treehub.json': text });
      expect(said(report)).toContainEqual('error: treehub.json: is not a JSON object');
      expect(JSON.stringify(report)).not.toContain('hidden-pw');
    }
  });

  it('section 3, treehub.json: http, a slash at the end, two logins, and /token without a scope are warned of', () => {
    const warned = (members: object): readonly string[] => {
      const report = inspect({
        'treehub.json': JSON.stringify({ ostree: { server: 'https://t' }, ...members }),
        'tufrepo.url': 'https://repo.example',
      });
      expect(report.works).toBe(true);
      return said(report);
    };
    const oauth2 = { server: 'https://a/token', client_id: 'c', client_secret: 's' };
    expect(warned({ ostree: { server: 'http://treehub' }, no_auth: true })).toEqual([
      expect.stringMatching(/http/),
    ]);
    expect(warned({ ostree: { server: 'https://t/' }, no_auth: true })).toEqual([
      expect.stringMatching(/slash/),
    ]);
    expect(warned({ oauth2: { ...oauth2, scope: 's' }, no_auth: true })).toEqual([
      expect.stringMatching(/several/),
    ]);
    expect(warned({ oauth2 })).toEqual([expect.stringMatching(/no scope/)]);
    expect(warned({ oauth2: { ...oauth2, server: 'https://a' } })).toEqual([]);
  });

  it('section 3, tufrepo.url: without it garage-push, garage-deploy and ota-cli work, with a warning; at fault it breaks them', () => {
    const without = inspect({ 'treehub.json': treehub });
    expect(said(without)).toEqual([
      expect.stringMatching(/^warning: tufrepo.url: is not there: garage-push/),
    ]);
    expect(working(without)).toEqual(['garage-push', 'garage-deploy', 'ota-cli']);
    const faulty = inspect({ 'treehub.json': treehub, 'tufrepo.url': 'repo.example' });
    for (const tool of ['garage-push', 'garage-deploy', 'ota-cli'])
      expect(stateOf(faulty, tool), tool).toBe('broken');
    const device = inspect({ 'autoprov.url': URL_OF_GATEWAY, 'server_ca.pem': caPem(made.root) });
    expect(said(device)).toEqual([]);
  });

  it('section 3, tufrepo.url: the image repository, read by garage-sign; it may have a path', () => {
    const report = inspect({
      'treehub.json': treehub,
      'tufrepo.url': 'https://repo.example/api/v1/user_repo',
    });
    expect(said(report)).toEqual([]);
    expect(working(report)).toContain('garage-sign');
    expect(stateOf(inspect({ 'tufrepo.url': 'https://repo.example' }), 'garage-sign')).toBe('broken');
    for (const url of ['repo.example', 'ftp://repo.example', 'https://u:p@repo.example']) {
      expect(stateOf(inspect({ 'treehub.json': treehub, 'tufrepo.url': url }), 'garage-sign')).toBe('broken');
    }
    const slash = inspect({ 'treehub.json': treehub, 'tufrepo.url': 'http://repo.example/\n' });
    expect(slash.works).toBe(true);
    expect(said(slash).map((line) => /line end|http|slash/.exec(line)?.[0])).toEqual([
      'line end',
      'http',
      'slash',
    ]);
  });

  it('section 3, api_gateway.url: the director gateway, read by garage-sign with the director', () => {
    const parts = { 'treehub.json': treehub, 'tufrepo.url': 'https://repo.example' };
    expect(stateOf(inspect(parts), 'garage-sign-director')).toBe('absent');
    expect(
      stateOf(inspect({ ...parts, 'api_gateway.url': 'https://api.example' }), 'garage-sign-director'),
    ).toBe('works');
    const alone = inspect({ 'treehub.json': treehub, 'api_gateway.url': 'https://api.example' });
    expect(alone.tools.find(({ tool }) => tool === 'garage-sign-director')).toMatchObject({
      state: 'broken',
      missing: ['tufrepo.url'],
    });
  });

  it('section 3, root.json, targets.pub and targets.sec: passed through, read for offline signing', () => {
    const build = { 'treehub.json': treehub, 'tufrepo.url': 'https://repo.example' };
    const files = makeUptane();
    const report = inspect({ ...build, ...files });
    expect(said(report)).toEqual([]);
    expect(stateOf(report, 'offline-signing')).toBe('works');
    expect(stateOf(inspect({ ...build, 'root.json': files['root.json'] }), 'offline-signing')).toBe('absent');
    const other = makeUptane();
    for (const [change, why] of [
      [{ 'targets.sec': other['targets.sec'] }, /^error: targets.sec: is not the secret half/],
      [{ 'targets.pub': other['targets.pub'] }, /^error: targets.pub: is not a key that root.json names/],
      [{ 'targets.sec': files['targets.pub'] }, /^error: targets.sec: is not a private key/],
      [{ 'root.json': '{}' }, /^error: root.json: is no Uptane root/],
      [{ 'root.json': makeUptane('2026-01-01T00:00:00Z')['root.json'] }, /^error: root.json: expired/],
    ] as const) {
      const broken = inspect({ ...build, ...files, ...change });
      expect(stateOf(broken, 'offline-signing')).toBe('broken');
      expect(said(broken)).toContainEqual(expect.stringMatching(why));
    }
  });

  it('section 3, targets.pub and targets.sec: keys of RSA, in PEM', () => {
    const { publicKey, privateKey } = generateKeyPairSync('rsa', {
      modulusLength: 2048,
      publicKeyEncoding: { type: 'spki', format: 'pem' },
      privateKeyEncoding: { type: 'pkcs1', format: 'pem' },
    });
    const report = inspect({
      'treehub.json': treehub,
      'tufrepo.url': 'https://repo.example',
      'root.json': makeUptane()['root.json'],
      'targets.pub': JSON.stringify({ keytype: 'RSA', keyval: { public: publicKey } }),
      'targets.sec': JSON.stringify({ keytype: 'RSA', keyval: { private: privateKey } }),
    });
    expect(said(report)).toEqual([expect.stringMatching(/targets.pub: is not a key that root.json names/)]);
  });

  it('section 3, client_auth.p12: credentials for treehub and tufrepo; its presence selects TLS', () => {
    const none = encodeTreehub({ server: 'https://treehub.example', login: { form: 'none' } });
    const report = inspect({
      'treehub.json': none,
      'tufrepo.url': 'https://r',
      'client_auth.p12': p12(made.pair),
    });
    expect(said(report)).toEqual([]);
    expect(working(report)).toContain('garage-push');
    const ignored = inspect({
      'treehub.json': treehub,
      'tufrepo.url': 'https://r',
      'client_auth.p12': p12(made.pair),
    });
    expect(said(ignored)).toEqual([expect.stringMatching(/^warning: treehub.json: .*oauth2 is passed over/)]);
    const noLogin = JSON.stringify({ ostree: { server: 'https://treehub.example' } });
    expect(inspect({ 'treehub.json': noLogin, 'client_auth.p12': p12(made.pair) }).works).toBe(true);
    const wrong = inspect({
      'treehub.json': none,
      'client_auth.p12': p12({ ...made.pair, privateKey: made.otherKey }),
    });
    expect(stateOf(wrong, 'garage-push')).toBe('broken');
    expect(stateOf(wrong, 'ota-cli')).toBe('works');
  });

  it('section 3, server.p12: whom to trust, certificates only, beside client_auth.p12 alone', () => {
    const trust = p12({ privateKey: null, certificates: [made.root], friendlyName: null });
    const parts = { 'treehub.json': treehub, 'tufrepo.url': 'https://repo.example', 'server.p12': trust };
    expect(said(inspect(parts))).toEqual([
      expect.stringMatching(/^warning: server.p12: is read beside client_auth.p12/),
    ]);
    const none = encodeTreehub({ server: 'https://treehub.example', login: { form: 'none' } });
    const both = { ...parts, 'treehub.json': none, 'client_auth.p12': p12(made.pair) };
    expect(said(inspect(both))).toEqual([]);
    expect(said(inspect({ ...both, 'server.p12': p12(made.pair) }))).toEqual([
      expect.stringMatching(/^warning: server.p12: holds a private key/),
    ]);
    const empty = p12({ privateKey: null, certificates: [], friendlyName: null });
    expect(stateOf(inspect({ ...both, 'server.p12': empty }), 'garage-sign')).toBe('broken');
  });
});

describe('an archive of credentials as a whole', () => {
  it('serves all tools with everything in it', () => {
    const report = inspect(everything());
    expect(said(report)).toEqual([]);
    expect(report.tools.every(({ state }) => state === 'works')).toBe(true);
    expect(report.entries.filter(({ secret }) => secret).map(({ name }) => name)).toEqual([
      'autoprov_credentials.p12',
      'treehub.json',
      'targets.sec',
    ]);
  });

  it('never tells a secret', () => {
    const parts = everything();
    const report = JSON.stringify(inspect(parts));
    const { keyval } = JSON.parse(String(parts['targets.sec']));
    expect(keyval.private).toHaveLength(64);
    for (const secret of ['the-client-secret', keyval.private]) expect(report).not.toContain(secret);
  });

  it('survives the zip: what is read is what was put in, all names at the root', async () => {
    const files = credentialsFiles(everything());
    const zip = await buffer(zipFiles([{ name: '', files, modified: now }]));
    const read = await readCredentials(fileInMemory(zip));
    expect(read).toEqual(asRead(files));
    expect(read.map(({ name }) => name)).toEqual([
      'autoprov.url',
      'autoprov_credentials.p12',
      'server_ca.pem',
      'treehub.json',
      'tufrepo.url',
      'api_gateway.url',
      'root.json',
      'targets.pub',
      'targets.sec',
    ]);
  });

  it('names what is misspelt: capitals, another hyphen, a folder', () => {
    for (const name of ['Autoprov.url', 'autoprov-url', 'creds/autoprov.url']) {
      const report = inspectCredentials([{ name, octets: 3, content: null, sizesFollow: false }], now);
      expect(report.works).toBe(false);
      expect(said(report)).toContain(
        `warning: ${name}: is not read: the name is autoprov.url, at the root of the archive`,
      );
    }
  });

  it('warns of sizes behind the octets, which readers that stream do not see', () => {
    const files = asRead(
      credentialsFiles({ 'autoprov.url': URL_OF_GATEWAY, 'server_ca.pem': caPem(made.root) }),
    );
    const report = inspectCredentials(
      files.map((file) => ({ ...file, sizesFollow: true })),
      now,
    );
    expect(said(report)).toHaveLength(2);
    expect(report.works).toBe(true);
  });

  it('serves nothing without entries', () => {
    expect(inspect({})).toMatchObject({ works: false });
    expect(said(inspect({}))).toEqual(['error: null: The archive holds nothing that a tool reads.']);
  });

  it('is held against the fleet that it is meant for', () => {
    const files = asRead(
      credentialsFiles({ 'autoprov.url': URL_OF_GATEWAY, 'server_ca.pem': caPem(made.root) }),
    );
    const fleet = { name: 'cars', gatewayUrl: URL_OF_GATEWAY, gatewayRoot: caPem(made.root) };
    expect(said(inspectCredentials(files, now, fleet))).toEqual([]);
    const other = { ...fleet, gatewayUrl: 'https://other.example', gatewayRoot: caPem(made.otherRoot) };
    const report = inspectCredentials(files, now, other);
    expect(report.works).toBe(false);
    expect(report.findings.map(({ entry }) => entry)).toEqual(['autoprov.url', 'server_ca.pem']);
  });
});

describe('the gateway that an archive leads to', () => {
  const gatewayOf = (parts: CredentialsParts) => readGateway(asRead(credentialsFiles(parts)), now);

  it('is autoprov.url and server_ca.pem', () => {
    const parts = { 'autoprov.url': `${URL_OF_GATEWAY}\n`, 'server_ca.pem': caPem(made.otherRoot) };
    expect(gatewayOf({ ...parts, 'autoprov_credentials.p12': p12(made.pair) })).toEqual({
      gatewayUrl: URL_OF_GATEWAY,
      gatewayRoot: caPem(made.otherRoot),
      rootFrom: 'server_ca.pem',
      findings: [],
    });
  });

  it('has its root from the CAs of the p12 where there is no server_ca.pem', () => {
    const told = gatewayOf({
      'autoprov.url': `${URL_OF_GATEWAY}/`,
      'autoprov_credentials.p12': p12(made.pair),
    });
    expect(told).toMatchObject({
      gatewayUrl: URL_OF_GATEWAY,
      gatewayRoot: caPem(made.root),
      rootFrom: 'autoprov_credentials.p12',
    });
    expect(told.findings.map(({ message }) => message)).toEqual([expect.stringMatching(/slash/)]);
  });

  it('is not told by what cannot be read', () => {
    const told = gatewayOf({ 'autoprov_credentials.p12': p12(made.pair, 'secret') });
    expect(told).toMatchObject({ gatewayUrl: null, gatewayRoot: null, rootFrom: null });
    expect(told.findings).toHaveLength(1);
  });
});
