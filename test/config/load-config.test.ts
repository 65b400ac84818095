import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { describe, expect, test } from 'vitest';
import { type Config, ConfigError, type ConfigInput, loadConfig } from '../../src/config/index.ts';
import { createLogger } from '../../src/log.ts';
import { packageRoot } from '../../src/package-root.ts';
import { scratchFolder } from './scratch.ts';

/** Without the machine's own environment. */
const load = (input: ConfigInput = {}): Config => loadConfig({ env: {}, ...input });

function violationsOf(input: ConfigInput): readonly string[] {
  try {
    load(input);
  } catch (failure) {
    if (failure instanceof ConfigError) return failure.violations;
    throw failure;
  }
  throw new Error('it was taken');
}

test('the package root is found from the module, not from the working directory', () => {
  expect(JSON.parse(readFileSync(join(packageRoot, 'package.json'), 'utf8'))).toMatchObject({
    name: 'fleetca',
  });
  expect(load({ cwd: '/' }).data).toBe(packageRoot);
});

test('nothing set gives the defaults', () => {
  const data = scratchFolder();
  const config = load({ flags: { data } });
  expect({ ...config }).toEqual({
    data,
    dbFolder: join(data, 'db'),
    databaseFile: join(data, 'db', 'fleetca.sqlite'),
    keysFolder: join(data, 'keys'),
    profilesFolder: join(data, 'profiles'),
    tmpFolder: join(data, 'tmp'),
    configFile: null,
    api: { host: '127.0.0.1', port: 8443, names: ['localhost', '127.0.0.1', '::1'] },
    mutual: { host: '127.0.0.1', port: 9443 },
    public: { host: '127.0.0.1', port: 8080 },
    crl: { validHours: 168, everyHours: 24 },
    rotation: { publishHours: 24 },
    check: { gateways: [] },
    outgoing: { hosts: [], privateHosts: [], timeoutSeconds: 15, attempts: 10, firstRetrySeconds: 10 },
    tls: null,
    pkcs11: null,
    logLevel: 'info',
    renewal: { windowDays: 90, graceDays: 30 },
    rateLimit: { requestsPerMinute: 6000, failuresPerMinute: 30 },
    passphrase: { file: null, credentialsDirectory: null },
    sqlite: { cacheMib: 256 },
    postgresPrograms: null,
  });
  expect(config.databaseUrl()).toBeNull();
  expect(config.passphrase.value()).toBeNull();
});

describe('precedence', () => {
  const yaml = 'api:\n  port: 1003\n  host: 10.0.0.3\npublic:\n  port: 2003\nlogLevel: error\n';
  const env = { FLEETCA_API_PORT: '1002', FLEETCA_API_HOST: '10.0.0.2' };

  test('flags stand before the environment, that before the file, that before the default', () => {
    const data = scratchFolder({ 'fleetca.yaml': yaml });
    const config = load({ flags: { data, apiPort: '1001' }, env });
    expect(config.api).toMatchObject({ port: 1001, host: '10.0.0.2' });
    expect(config.public).toEqual({ host: '127.0.0.1', port: 2003 });
    expect(config.logLevel).toBe('error');
    expect(config.configFile).toBe(join(data, 'fleetca.yaml'));
  });

  test('the data folder of a flag stands before that of the environment', () => {
    const [one, two] = [scratchFolder(), scratchFolder()];
    expect(load({ flags: { data: one }, env: { FLEETCA_DATA: two } }).data).toBe(one);
    expect(load({ env: { FLEETCA_DATA: two } }).data).toBe(two);
  });

  test('a named file stands in for the one in the data folder, and may name the data folder', () => {
    const data = scratchFolder({ 'fleetca.yaml': 'api: {port: 1}' });
    const folder = scratchFolder({ 'a.yaml': 'data: state\napi: {port: 2}', 'b.yaml': 'api: {port: 3}' });
    const named = load({ env: { FLEETCA_CONFIG: join(folder, 'a.yaml') } });
    expect([named.data, named.api.port]).toEqual([join(folder, 'state'), 2]);
    const flags = { data, config: join(folder, 'b.yaml') };
    expect(load({ flags, env: { FLEETCA_CONFIG: join(folder, 'a.yaml') } })).toMatchObject({
      data,
      api: { port: 3 },
    });
  });
});

test('every path is absolute: flags and variables from the working directory, the file from its folder', () => {
  const folder = scratchFolder({
    'fleetca.yaml': 'tls: {certificateFile: tls/a.pem}\npassphraseFile: /run/p',
  });
  const cwd = join(folder, '..');
  const data = folder.slice(cwd.length + 1);
  const config = load({ flags: { data }, env: { FLEETCA_TLS_KEY_FILE: 'a.key' }, cwd });
  expect(config.data).toBe(folder);
  expect(config.tls).toEqual({ certificateFile: join(folder, 'tls/a.pem'), keyFile: join(cwd, 'a.key') });
  expect(config.passphrase.file).toBe('/run/p');
});

describe('values', () => {
  const data = '/nonexistent/fleetca';

  test('names come as a list or with commas, once each, in lower case', () => {
    const names = ['ca.example', '10.0.0.1', '::1'];
    expect(
      load({ flags: { data, apiNames: ['CA.example', '10.0.0.1', '::1', 'ca.example'] } }).api.names,
    ).toEqual(names);
    expect(
      load({ env: { FLEETCA_DATA: data, FLEETCA_API_NAMES: 'ca.example, 10.0.0.1,::1' } }).api.names,
    ).toEqual(names);
  });

  test('port 0 is any free port, and the listeners beside the API can be off', () => {
    const config = load({ flags: { data, apiPort: 0, publicPort: '0' } });
    expect([config.api.port, config.public.port]).toEqual([0, 0]);
    expect(load({ flags: { data, publicPort: 'off' } }).public.port).toBe('off');
    expect(load({ flags: { data, mutualPort: 'off' } }).mutual.port).toBe('off');
    expect(load({ flags: { data } }).mutual).toEqual({ host: '127.0.0.1', port: 9443 });
  });

  test.each([
    ['apiPort', ['', '-1', '65536', '1.5', '0x10', 'http', '8443 '], '--api-port must be a port'],
    ['publicPort', ['OFF', '65536'], '--public-port must be a port'],
    ['mutualPort', ['OFF', '65536'], '--mutual-port must be a port'],
    ['mutualHost', ['', 'a b'], '--mutual-host must be an IP'],
    [
      'apiHost',
      ['', 'a b', '[::1]', '1.2.3', '-a', `${'a'.repeat(64)}.b`, 'a_b'],
      '--api-host must be an IP',
    ],
    ['apiNames', ['', 'a,,b', '*.example', 'https://a'], '--api-names must be host names'],
    ['logLevel', ['', 'loud', 'INFO'], '--log-level must be one of'],
    ['rateLimitRequestsPerMinute', ['0', '1000000001', 'many'], '--rate-limit-requests-per-minute must be'],
    ['rateLimitFailuresPerMinute', ['0'], '--rate-limit-failures-per-minute must be'],
    ['passphraseFile', ['', 'a\0b'], '--passphrase-file must be'],
    ['tlsCertificateFile', [''], '--tls-certificate-file must be'],
    ['config', [''], '--config must be'],
    ['data', [''], '--data must be'],
  ] as const)('%s is refused as any of %j', (flag, values, sentence) => {
    for (const value of values) {
      const [violation, ...others] = violationsOf({
        flags: { ...(flag === 'data' ? {} : { data }), [flag]: value },
      });
      expect(violation).toContain(sentence);
      expect(others).toEqual([]);
    }
  });

  test('a certificate without its key is refused, and a key without its certificate', () => {
    for (const flags of [{ tlsCertificateFile: 'a' }, { tlsKeyFile: 'a' }]) {
      expect(violationsOf({ flags: { data, ...flags } })).toEqual([
        'tls.certificateFile and tls.keyFile belong together: set both, or neither.',
      ]);
    }
  });

  test('one port for two listeners on one address is refused', () => {
    for (const flags of [{ mutualPort: '8443' }, { mutualPort: '8080' }, { mutualPort: '1', apiPort: '1' }])
      expect(violationsOf({ flags: { data, ...flags } })).toHaveLength(1);
    const off = { mutualPort: 'off', publicPort: 'off' };
    expect(load({ flags: { data, ...off } }).mutual.port).toBe('off');
    expect(violationsOf({ flags: { data, publicPort: '8443' } })).toHaveLength(1);
    expect(load({ flags: { data, publicPort: '8443', publicHost: '127.0.0.2' } }).public.port).toBe(8443);
  });

  test.each(['postgresql://db', 'sqlite:///x', 'db/fleetca', ''])('DATABASE_URL=%s is refused', (url) => {
    expect(violationsOf({ env: { FLEETCA_DATA: data, DATABASE_URL: url } })).toEqual([
      'DATABASE_URL must be the URL of a PostgreSQL database: postgres://user@host/name.',
    ]);
  });

  test("a database's URL is taken, and shows nowhere that the configuration is printed", () => {
    const url = 'postgres://u:canary@db/fleetca';
    const config = load({ env: { FLEETCA_DATA: data, DATABASE_URL: url } });
    expect(config.databaseUrl()).toBe(url);
    expect(inspect(config, { depth: 9 }) + JSON.stringify(config)).not.toContain('canary');
  });
});

describe('names that are not known are refused with the nearest one', () => {
  test('variables', () => {
    expect(violationsOf({ env: { FLEETCA_API_PROT: '1', FLEETCA_pin: 'canary' } })).toEqual([
      'FLEETCA_API_PROT is not known; the nearest variable is FLEETCA_API_PORT.',
      'FLEETCA_pin is not known; the nearest variable is FLEETCA_PIN.',
    ]);
  });

  test('but not those of the command line tool, of the tests, and of others', () => {
    const env = {
      FLEETCA_URL: 'https://a',
      FLEETCA_TOKEN_FILE: 'a',
      FLEETCA_PIN: 'a',
      FLEETCA_TEST_SKIP: 'nginx',
      FLEET: 'a',
      PORT: 'a',
    };
    expect(load({ env }).api.port).toBe(8443);
  });

  test('keys of the file, nested, dotted, and such as would pollute', () => {
    const data = scratchFolder({
      'fleetca.yaml':
        'apis: {port: 1}\napi: {prot: 1}\n"api.port": 1\npassphrase: canary\nconfig: a\n__proto__: {a: 1}\n',
    });
    const path = join(data, 'fleetca.yaml');
    const violations = violationsOf({ flags: { data } });
    expect(violations).toHaveLength(6);
    expect(violations).toContain(`${path}: api.prot is not known; the nearest key is api.port.`);
    expect(violations).toContain(`${path}: passphrase is not known; the nearest key is passphraseFile.`);
    expect(violations.join()).not.toContain('canary');
    expect(Object.hasOwn(Object.prototype, 'a')).toBe(false);
  });
});

describe('the file', () => {
  test.each([
    ['cut: [', /line \d+, column \d+/],
    ['api: {port: 1}\napi: {port: 2}\n', /DUPLICATE_KEY in line 2/],
    ['a: 1\n---\nb: 2\n', /MULTIPLE_DOCS/],
    ['- api\n', /must hold settings by name/],
    ['api: 8443\n', /api must hold settings of its own/],
    ['api:\n', /api must hold settings of its own/],
    ['api: {port: }\n', /api\.port must be a port/],
    ['api: {port: [1]}\n', /api\.port must be a port/],
    ['api: {port: !!binary aGk=}\n', /./],
    ['data: elsewhere\n', /data must not be set here/],
    ['databaseUrl: "mysql://u:canary@db/x"\n', /databaseUrl must be the URL of a PostgreSQL database/],
    ['databaseUrl: "postgres://u:canary@db/x\n', /line/],
  ])('%j is refused', (yaml, sentence) => {
    const data = scratchFolder({ 'fleetca.yaml': yaml });
    const violations = violationsOf({ flags: { data } });
    expect(violations.join('\n')).toMatch(sentence);
    expect(violations.join('\n')).toContain(join(data, 'fleetca.yaml'));
    expect(violations.join('\n')).not.toContain('canary');
  });

  test('that is empty or only remarks sets nothing', () => {
    for (const yaml of ['', '# nothing\n']) {
      const data = scratchFolder({ 'fleetca.yaml': yaml });
      expect(load({ flags: { data } }).api.port).toBe(8443);
    }
  });

  test('that is named and missing, or a folder, is refused', () => {
    const folder = scratchFolder();
    expect(violationsOf({ flags: { config: join(folder, 'a.yaml') } })).toEqual([
      `${join(folder, 'a.yaml')}, the configuration file, does not exist.`,
    ]);
    expect(violationsOf({ flags: { config: folder } })).toEqual([`${folder} cannot be read (EISDIR).`]);
  });
});

test('everything that does not fit is listed at once', () => {
  const data = scratchFolder({ 'fleetca.yaml': 'logLevel: loud\nx: 1\n' });
  const violations = violationsOf({
    flags: { data, apiPort: 'a' },
    env: { FLEETCA_PUBLIC_PORT: 'b', FLEETCA_X: '1' },
  });
  expect(violations).toHaveLength(5);
  try {
    load({ flags: { data, apiPort: 'a' } });
    expect.unreachable();
  } catch (failure) {
    expect(failure).toBeInstanceOf(TypeError);
    expect(String(failure)).toMatch(/--api-port must be[\s\S]*fleetca\.yaml: logLevel must be/);
  }
});

describe('the passphrase', () => {
  const env = {
    FLEETCA_DATA: '/nonexistent/fleetca',
    FLEETCA_PASSPHRASE: 'canary',
    CREDENTIALS_DIRECTORY: '/run/credentials/x',
  };

  test('is at hand, and in nothing that prints', () => {
    const config = load({ env });
    expect(config.passphrase.value()).toBe('canary');
    expect(config.passphrase.credentialsDirectory).toBe('/run/credentials/x');
    const lines: string[] = [];
    const logger = createLogger({ level: 'info', destination: { write: (line) => lines.push(line) } });
    logger.info({ config, settings: { ...config.passphrase } }, 'configuration');
    const shown = [
      JSON.stringify(config),
      inspect(config, { depth: 9, showHidden: true }),
      String(config),
      lines.join(),
    ];
    expect(shown.join()).not.toContain('canary');
  });

  test('that is empty is refused; it has no flag', () => {
    expect(violationsOf({ env: { ...env, FLEETCA_PASSPHRASE: '' } })).toEqual([
      'FLEETCA_PASSPHRASE must not be empty.',
    ]);
    const flags: Record<string, string> = { passphrase: 'argv', databaseUrl: 'argv' };
    expect(load({ env, flags }).passphrase.value()).toBe('canary');
  });
});

test('the configuration is frozen to its leaves', () => {
  const config = load();
  for (const part of [
    config,
    config.api,
    config.api.names,
    config.public,
    config.rateLimit,
    config.passphrase,
  ]) {
    expect(Object.isFrozen(part)).toBe(true);
  }
});

test('check.gateways takes hosts with their ports and nothing else of a URL', () => {
  const named = load({ flags: { checkGateways: 'gw.example.com, GW.example.com:8443,[::1]:9444' } });
  expect(named.check.gateways).toEqual(['gw.example.com', 'gw.example.com:8443', '[::1]:9444']);
  for (const wrong of ['https://gw.example.com', 'gw.example.com/', 'gw:443', 'a@gw', '*', '']) {
    expect(violationsOf({ flags: { checkGateways: wrong } }), wrong).toHaveLength(1);
  }
});
