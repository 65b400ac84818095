import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  cpSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createPolicy } from '../../src/policy/index.ts';
import { assertCaSound } from '../support/assert-ca-sound.ts';
import { makeDevice, makeFleet, requestCertificate, rowOf, type TestFleet } from '../support/fleet.ts';
import { openLot, sendLot } from '../support/lot-upload.ts';
import { type Service, scratchFolder, startRefused, startService, stopSound } from '../support/service.ts';

/** A data folder of a service that has a fleet and has ended; each test works on a copy. */
const original = scratchFolder();
const device = makeDevice('dev-1');
let fleet: TestFleet;
let first: Pick<Service, 'fingerprint' | 'admin' | 'created'>;
let certificate: string;

beforeAll(async () => {
  const service = await startService({ data: original });
  fleet = await makeFleet(service, 'demo');
  certificate = (await requestCertificate(service, fleet, { body: device.csr })).json().certificate;
  first = service;
  await stopSound(service);
});

function copyData(): string {
  const data = scratchFolder();
  cpSync(original, data, { recursive: true });
  return data;
}

const filesOf = (folder: string): Record<string, string> =>
  Object.fromEntries(readdirSync(folder).map((name) => [name, readFileSync(join(folder, name), 'latin1')]));

it('a first start says what it has made, and nothing of it is open to others', () => {
  expect(first.created).toHaveLength(4);
  expect(statSync(join(original, 'keys')).mode & 0o777).toBe(0o700);
  expect(statSync(join(original, 'db')).mode & 0o777).toBe(0o700);
  for (const folder of ['keys', 'db']) {
    for (const name of readdirSync(join(original, folder))) {
      expect(statSync(join(original, folder, name)).mode & 0o077, name).toBe(0);
    }
  }
});

it('a restart changes nothing: the same CA, tokens, keys and certificates', async () => {
  const data = copyData();
  const service = await startService({ data });
  expect(service.created).toEqual([]);
  expect([service.fingerprint, service.admin]).toEqual([first.fingerprint, first.admin]);
  expect(filesOf(join(data, 'keys'))).toEqual(filesOf(join(original, 'keys')));
  const again = await requestCertificate(service, fleet, { body: device.csr });
  expect([again.status, again.json().certificate]).toEqual([200, certificate]);
  expect((await requestCertificate(service, fleet, { body: makeDevice('dev-2').csr })).status).toBe(201);
  await stopSound(service);
});

it('a second service on the same data is refused, and the first goes on', async () => {
  const service = await startService({ data: copyData() });
  const refused = await startRefused({ data: service.data });
  expect([refused.code, refused.status]).toEqual(['busy', 1]);
  expect((await service.call('GET', '/readyz')).status).toBe(200);
  await stopSound(service);
});

describe('a start is refused with a line for the operator, and the folder is as before:', () => {
  const cases: readonly [string, (data: string) => void, string, string, Record<string, string>?][] = [
    [
      'keys without their database',
      (data) => rmSync(join(data, 'db'), { recursive: true }),
      'StartRefusal',
      'no database',
    ],
    [
      'a database without its keys',
      (data) => {
        for (const name of readdirSync(join(data, 'keys'))) rmSync(join(data, 'keys', name));
      },
      'StartRefusal',
      'not in',
    ],
    [
      'a key that is missing',
      (data) => {
        const [key = ''] = readdirSync(join(data, 'keys')).filter((name) => name.startsWith('demo'));
        rmSync(join(data, 'keys', key));
      },
      'StartRefusal',
      'not in',
    ],
    [
      "the service CA's key is missing",
      (data) => rmSync(join(data, 'keys', 'service-ca.pem')),
      'StartRefusal',
      'service-ca',
    ],
    [
      'a key folder that others can read',
      (data) => chmodSync(join(data, 'keys'), 0o755),
      'KeystoreSetupError',
      'chmod 0700',
    ],
    [
      'a key that others can read',
      (data) => chmodSync(join(data, 'keys', 'service-ca.pem'), 0o640),
      'KeystoreSetupError',
      'chmod 0600',
    ],
    [
      'a token that others can read',
      (data) => chmodSync(join(data, 'keys', 'admin-token'), 0o644),
      'KeystoreSetupError',
      'chmod 0600',
    ],
    [
      'a wrong passphrase',
      (data) => writeFileSync(join(data, 'keys', 'passphrase'), 'canary-passphrase\n'),
      'StartRefusal',
      'passphrase',
    ],
    ['no passphrase', (data) => rmSync(join(data, 'keys', 'passphrase')), 'KeystoreSetupError', 'passphrase'],
    [
      'a database that was emptied',
      (data) => {
        rmSync(join(data, 'db'), { recursive: true });
        mkdirSync(join(data, 'db'), { mode: 0o700 });
        writeFileSync(join(data, 'db', 'fleetca.sqlite'), '', { mode: 0o600 });
      },
      'PkiError',
      'holds nothing',
    ],
    [
      'a profile with the name of a built-in one',
      (data) => {
        mkdirSync(join(data, 'profiles'));
        const profile = createPolicy().deviceProfile('generic', 'device');
        writeFileSync(join(data, 'profiles', 'device.yaml'), JSON.stringify(profile));
      },
      'StartRefusal',
      'exists already',
    ],
    [
      'a database that is none',
      (data) => writeFileSync(join(data, 'db', 'fleetca.sqlite'), 'x'.repeat(10_000)),
      'PkiError',
      'fleetca.sqlite is no database that can be read (SQLITE_NOTADB)',
    ],
    [
      'a database that others can read',
      (data) => chmodSync(join(data, 'db', 'fleetca.sqlite'), 0o640),
      'StartRefusal',
      'chmod 0600',
    ],
    [
      'a database folder that others can write to',
      (data) => chmodSync(join(data, 'db'), 0o770),
      'StartRefusal',
      'chmod 0750',
    ],
  ];
  it.each(cases)('%s', async (_what, spoil, name, said) => {
    const data = copyData();
    spoil(data);
    const before = filesOf(join(data, 'keys'));
    const refused = await startRefused({ data });
    expect([refused.name, refused.status]).toEqual([name, 1]);
    expect(refused.message).toContain(said);
    expect(refused.message).not.toContain('canary');
    expect(filesOf(join(data, 'keys'))).toEqual(before);
  });

  it('a database without its key folder, and none is made', async () => {
    const data = copyData();
    rmSync(join(data, 'keys'), { recursive: true });
    const refused = await startRefused({ data });
    expect([refused.name, refused.status]).toEqual(['StartRefusal', 1]);
    expect(refused.message).toContain(`no ${join(data, 'keys')}`);
    expect(readdirSync(data)).not.toContain('keys');
  });

  it('a database that was used with keys, though no fleet has an authority yet', async () => {
    const data = scratchFolder();
    await stopSound(await startService({ data }));
    for (const name of readdirSync(join(data, 'keys'))) rmSync(join(data, 'keys', name));
    const refused = await startRefused({ data });
    expect([refused.name, refused.status]).toEqual(['StartRefusal', 1]);
    expect(refused.message).toContain('The database was used with keys');
    expect(readdirSync(join(data, 'keys'))).toEqual([]);
  });

  it.skipIf(process.platform !== 'linux')('a data folder where none can be made', async () => {
    const refused = await startRefused({ data: '/proc/fleetca' });
    expect([refused.name, refused.status]).toEqual(['KeystoreSetupError', 1]);
    expect(refused.message).toContain('The folder /proc/fleetca cannot be made');
  });

  it('a port that is taken', async () => {
    const service = await startService({ data: copyData() });
    const flags = { apiPort: new URL(service.apiUrl).port };
    const refused = await startRefused({ data: copyData(), flags });
    expect(refused.code).toBe('EADDRINUSE');
    await stopSound(service);
  });
});

it('a key file that nothing on record names is told of, and stays', async () => {
  const data = copyData();
  const keys = join(data, 'keys');
  const [key = ''] = readdirSync(keys).filter((name) => name.startsWith('demo'));
  cpSync(join(keys, key), join(keys, 'demo.root-2.0123456789ab.pem'));
  const before = filesOf(keys);
  const service = await startService({ data });
  const warnings = service.log().match(/^.*belong to nothing on record.*$/gm) ?? [];
  expect(warnings.map((line) => JSON.parse(line).files)).toEqual([['demo.root-2.0123456789ab.pem']]);
  expect(filesOf(keys)).toEqual(before);
  await stopSound(service);
});

it('a passphrase from the environment opens the keys, and another one is refused', async () => {
  const data = copyData();
  const passphrase = readFileSync(join(data, 'keys', 'passphrase'), 'latin1').trim();
  rmSync(join(data, 'keys', 'passphrase'));
  const service = await startService({ data, env: { FLEETCA_PASSPHRASE: passphrase } });
  expect(service.fingerprint).toBe(first.fingerprint);
  await stopSound(service);
  const refused = await startRefused({ data, env: { FLEETCA_PASSPHRASE: 'canary-passphrase' } });
  expect(refused.name).toBe('StartRefusal');
  expect(refused.message).toContain('the passphrase does not fit it');
  expect(refused.message).toContain('came from the variable FLEETCA_PASSPHRASE.');
  expect(refused.message).not.toContain('canary');
});

it('a wrong passphrase shows at start also where no fleet has a key yet and the operator brings TLS', async () => {
  const data = scratchFolder();
  const service = await startService({ data });
  await stopSound(service);
  const [key, crt] = ['own.key', 'own.crt'].map((name) => join(data, name)) as [string, string];
  const made = ['-newkey', 'ed25519', '-nodes', '-subj', '/CN=x', '-keyout', key, '-out', crt];
  execFileSync('openssl', ['req', '-x509', ...made], { stdio: 'pipe' });
  writeFileSync(join(data, 'keys', 'passphrase'), 'another one\n');
  const refused = await startRefused({ data, flags: { tlsCertificateFile: crt, tlsKeyFile: key } });
  expect(refused.name).toBe('StartRefusal');
  expect(refused.message).toContain('the passphrase does not fit it');
  expect(refused.message).toContain(`came from the file ${join(data, 'keys', 'passphrase')}.`);
});

it('a passphrase of ours that lies beside the given one, unread, is named where that one does not fit', async () => {
  const data = copyData();
  const refused = await startRefused({ data, env: { FLEETCA_PASSPHRASE: 'canary-passphrase' } });
  expect(refused.message).toContain(`${join(data, 'keys', 'passphrase')} is there as well, and was not read`);
  expect(refused.message).not.toContain('canary');
});

it('after kill -9 in a lot it starts without a hand, and the same lot again gives each row one certificate', async () => {
  const data = copyData();
  const rows = Array.from({ length: 500 }, (_, i) => rowOf(makeDevice(`killed-${i}`).csr));
  const service = await startService({ data });
  const upload = openLot(service, fleet, { key: 'killed' });
  await upload.write(rows.slice(0, 400).join(''));
  const incoming = await upload.opened;
  incoming.on('error', () => undefined);
  let seen = '';
  for await (const piece of incoming) {
    seen += piece;
    if (seen.split('\n').length > 50) break;
  }
  await service.kill();
  await assertCaSound(service.database);

  const next = await startService({ data });
  const state = await next.call('GET', '/v1/batches/killed', { token: fleet.tokens.auditor });
  expect(state.json().state).toBe('interrupted');
  const lines = (await sendLot(next, fleet, rows.join(''), { key: 'killed' })).lines();
  const { issued, replayed } = lines.at(-1).summary;
  expect(issued + replayed).toBe(500);
  // What the client held is what the ledger has.
  for (const line of seen.split('\n').slice(0, -1)) {
    const { row, certificate: held } = JSON.parse(line);
    expect(lines[row - 1].certificate).toBe(held);
  }
  await stopSound(next);
});

it('SIGTERM lets a lot that is whole end, and marks one that still comes interrupted', async () => {
  const data = copyData();
  const service = await startService({ data });
  const open = openLot(service, fleet, { key: 'open' });
  await open.write(rowOf(makeDevice('open-1').csr));
  const incoming = await open.opened;
  incoming.on('error', () => undefined).resume();
  await stopSound(service);
  const next = await startService({ data });
  const state = await next.call('GET', '/v1/batches/open', { token: fleet.tokens.auditor });
  expect(state.json()).toMatchObject({ state: 'interrupted', attempts: [{ rows: 1, issued: 1 }] });
  await stopSound(next);
});

describe('a secret is nowhere but in its file:', () => {
  let service: Service;
  let passphrase: string;

  beforeAll(async () => {
    service = await startService({ data: copyData(), level: 'trace' });
    passphrase = readFileSync(join(service.data, 'keys', 'passphrase'), 'latin1').trim();
    for (const token of [service.admin, ...Object.values(fleet.tokens)]) {
      await service.call('GET', '/v1/fleets', { token });
      await service.call('GET', `/v1/fleets?token=${token}`, { token });
      await service.call('GET', `/v1/fleets/${token}`, { token });
      await requestCertificate(service, fleet, { json: { csr: token, deviceId: 'x' }, token });
    }
  });
  afterAll(() => stopSound(service));

  const secrets = (): readonly string[] => [
    passphrase,
    ...[service.admin, ...Object.values(fleet.tokens)].map((token) => token.slice(-43)),
  ];

  it('not in the log, the command line or the environment', () => {
    const places = ['cmdline', 'environ'].map((name) =>
      readFileSync(`/proc/${service.process.pid}/${name}`, 'latin1'),
    );
    for (const place of [service.log(), ...places]) {
      for (const secret of secrets()) expect(place.includes(secret)).toBe(false);
    }
  });

  it('not in the database, its log, or any other file', () => {
    const files = readdirSync(service.data, { recursive: true, withFileTypes: true }).filter((one) =>
      one.isFile(),
    );
    expect(files.length).toBeGreaterThan(6);
    for (const { name, parentPath } of files) {
      if (name === 'passphrase' || name === 'admin-token') continue;
      const content = readFileSync(join(parentPath, name), 'latin1');
      for (const secret of secrets()) expect(content.includes(secret), name).toBe(false);
    }
  });
});

it('a data folder may be moved, and its key folder be a mounted one', async () => {
  const data = copyData();
  const moved = join(scratchFolder(), 'elsewhere');
  renameSync(data, moved);
  mkdirSync(join(moved, 'keys', 'lost+found'), { mode: 0o700 });
  const service = await startService({ data: moved });
  expect(service.fingerprint).toBe(first.fingerprint);
  await stopSound(service);
});
