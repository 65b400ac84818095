/** `fleetca credentials`, `fleet create --from-credentials` and the service's own archive, as people run them. */
import { execFileSync, spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { anyRoot, makeFleet, type TestFleet } from '../support/fleet.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';
import { makeUptane } from '../support/uptane.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/fleetca.mjs', import.meta.url));
const work = scratchFolder();
const at = (name: string): string => join(work, name);
const GATEWAY = 'https://gateway.example.com:8000';

let service: Service;
let fleet: TestFleet;

interface Ran {
  readonly status: number | null;
  readonly out: string;
  readonly err: string;
}

const environment = () => ({
  PATH: process.env.PATH,
  FLEETCA_URL: service.apiUrl,
  FLEETCA_DATA: service.data,
  FLEETCA_TOKEN_FILE: service.adminTokenFile,
});

function run(...args: readonly string[]): Ran {
  const { status, stdout, stderr } = spawnSync(process.execPath, [PROGRAM, ...args], {
    cwd: work,
    env: environment(),
    encoding: 'utf8',
  });
  return { status, out: stdout, err: stderr };
}

const openssl = (...args: readonly string[]): string =>
  execFileSync('openssl', args, { cwd: work, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

const inside = (zip: string, name: string): string =>
  execFileSync('unzip', ['-p', zip, name], { cwd: work, encoding: 'utf8' });
const listed = (zip: string): readonly string[] =>
  execFileSync('unzip', ['-Z1', zip], { cwd: work, encoding: 'utf8' }).trim().split('\n');

const SECRETS = ['the-client-secret', 'the-seed'] as const;

function makeFiles(): void {
  writeFileSync(at('secret'), `${SECRETS[0]}\n`);
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'ca.key',
    '-out',
    'ca.crt',
    '-subj',
    '/CN=gateway root',
    '-days',
    '90',
  );
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-keyout',
    'reg.key',
    '-out',
    'reg.csr',
    '-subj',
    '/CN=registration',
  );
  openssl(
    'x509',
    '-req',
    '-in',
    'reg.csr',
    '-CA',
    'ca.crt',
    '-CAkey',
    'ca.key',
    '-CAcreateserial',
    '-days',
    '90',
    '-out',
    'reg.crt',
  );
  const pair = ['-inkey', 'reg.key', '-in', 'reg.crt', '-certfile', 'ca.crt', '-passout', 'pass:'];
  openssl('pkcs12', '-export', ...pair, '-out', 'reg.p12');
  openssl('pkcs12', '-export', '-legacy', ...pair, '-out', 'here.p12');
}

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'cars');
  makeFiles();
});

afterAll(() => stopSound(service));

describe('the archive of the service', () => {
  const fetchArchive = (name: string, token: string) =>
    service.call('GET', `/v1/fleets/${name}/credentials.zip`, { token });

  it('section 9, two entries: it holds autoprov.url and server_ca.pem, which cert-provider needs with a fleet CA, and nothing else', async () => {
    const answer = await fetchArchive('cars', fleet.tokens.station);
    expect(answer.status).toBe(200);
    writeFileSync(at('served.zip'), answer.body);
    expect(listed('served.zip')).toEqual(['autoprov.url', 'server_ca.pem']);
    expect(inside('served.zip', 'autoprov.url')).toBe(GATEWAY);
    expect(inside('served.zip', 'server_ca.pem')).toBe(anyRoot(service));
    expect((await fetchArchive('cars', fleet.tokens.auditor)).body.equals(answer.body)).toBe(true);
    expect(run('credentials', 'inspect', 'served.zip').status).toBe(0);
  });

  it('is not there for who may not read devices, and is refused where the fleet has no gateway', async () => {
    expect((await fetchArchive('cars', fleet.tokens.admin)).status).toBe(404);
    const bare = await makeFleet(service, 'bare', { gatewayUrl: null, issuing: false });
    const refused = await fetchArchive('bare', bare.tokens.station);
    expect([refused.status, refused.json().code]).toEqual([400, 'bad-request']);
  });
});

describe('fleetca credentials build', () => {
  it("makes the least that cert-provider needs, from the fleet's settings", () => {
    const ran = run('credentials', 'build', '--fleet', 'cars', '--out', 'least.zip');
    expect(ran).toMatchObject({ status: 0, out: 'ENTRY\nautoprov.url\nserver_ca.pem\n' });
    expect(listed('least.zip')).toEqual(['autoprov.url', 'server_ca.pem']);
    expect(statSync(at('least.zip')).mode & 0o777).toBe(0o600);
  });

  it('makes one with everything for devices and build machines, and says no secret', () => {
    const ran = run(
      'credentials',
      'build',
      '--gateway-url',
      'https://gw.example',
      '--gateway-root',
      'ca.crt',
      '--registration-p12',
      'reg.p12',
      '--treehub-server',
      'https://treehub.example',
      '--treehub-oauth2-server',
      'https://auth.example',
      '--treehub-client-id',
      'ci',
      '--treehub-client-secret-file',
      'secret',
      '--tufrepo-url',
      'https://repo.example',
      '--api-gateway-url',
      'https://api.example',
      '--out',
      'all.zip',
      '--json',
    );
    expect([ran.status, ran.err]).toEqual([0, '']);
    expect(JSON.parse(ran.out)).toMatchObject({
      entries: [
        'autoprov.url',
        'autoprov_credentials.p12',
        'server_ca.pem',
        'treehub.json',
        'tufrepo.url',
        'api_gateway.url',
      ],
      findings: [],
    });
    expect(ran.out).not.toContain(SECRETS[0]);
    expect(JSON.parse(inside('all.zip', 'treehub.json')).oauth2.client_secret).toBe(SECRETS[0]);
    const p12 = execFileSync('unzip', ['-p', 'all.zip', 'autoprov_credentials.p12'], { cwd: work });
    expect(p12.equals(readFileSync(at('reg.p12')))).toBe(true);
  });

  it('section 3, the archive: read by unzip, names at its root, with checksums and sizes in the local headers', () => {
    execFileSync('unzip', ['-t', 'all.zip'], { cwd: work });
    const octets = readFileSync(at('all.zip'));
    for (let from = 0, count = 0; count < 6; count++) {
      expect(octets.readUInt32LE(from)).toBe(0x04034b50);
      // No sizes behind the octets, no encryption.
      expect(octets.readUInt16LE(from + 6) & 0x9).toBe(0);
      // STORED or DEFLATE, as a reader of before zip64 has it.
      expect([0, 8]).toContain(octets.readUInt16LE(from + 8));
      expect(octets.readUInt16LE(from + 4)).toBeLessThan(45);
      expect(octets.toString('latin1', from + 30, from + 30 + octets.readUInt16LE(from + 26))).not.toContain(
        '/',
      );
      const size = octets.readUInt32LE(from + 18);
      expect(octets.readUInt32LE(from + 14)).not.toBe(0);
      from += 30 + octets.readUInt16LE(from + 26) + octets.readUInt16LE(from + 28) + size;
    }
  });

  it('passes treehub.json and Uptane files through, octet for octet', () => {
    writeFileSync(
      at('treehub.json'),
      '{ "no_auth":true,\n "ostree": {"server": "https://treehub.example"}}\n',
    );
    const built = run('credentials', 'build', '--treehub-json', 'treehub.json', '--out', 'through.zip');
    expect(built.status).toBe(0);
    expect(inside('through.zip', 'treehub.json')).toBe(readFileSync(at('treehub.json'), 'utf8'));
  });

  it('writes nothing where the archive would not work, exits with 3 and says why, without the secret', () => {
    writeFileSync(at('targets.sec'), JSON.stringify({ keytype: 'ED25519', keyval: { private: SECRETS[1] } }));
    const before = readdirSync(work).sort();
    const ran = run(
      'credentials',
      'build',
      '--gateway-url',
      'http://gw.example/',
      '--gateway-root',
      'ca.crt',
      '--targets-sec',
      'targets.sec',
      '--out',
      'broken.zip',
    );
    expect(ran.status).toBe(3);
    expect(ran.err).toMatch(/^fleetca: check-failed: /);
    expect(ran.err).toContain('autoprov.url: must begin with https://');
    expect(ran.err).toContain('offline-signing: lacks tufrepo.url and root.json and targets.pub');
    expect(ran.err + ran.out).not.toContain(SECRETS[1]);
    expect(readdirSync(work).sort()).toEqual(before);
  });

  it('leaves the archive of before where the new one cannot be written', () => {
    const before = readFileSync(at('least.zip'));
    const ran = run('credentials', 'build', '--fleet', 'nowhere', '--out', 'least.zip');
    expect(ran.status).toBe(4);
    expect(readFileSync(at('least.zip')).equals(before)).toBe(true);
    expect(run('credentials', 'build', '--fleet', 'cars', '--out', 'no/such/folder.zip').status).toBe(2);
  });
});

describe('fleetca credentials inspect', () => {
  it('says what is in an archive, which tools it serves, and never a secret', () => {
    const ran = run('credentials', 'inspect', 'all.zip');
    expect(ran.status).toBe(0);
    for (const words of [
      /^credentials {2}work$/m,
      /^treehub.json +\d+ +where file systems go, and how to log in there \(secret\)$/m,
      /^device-shared +works/m,
      /^garage-sign-director +works/m,
      /^offline-signing +absent/m,
      /^autoprov_credentials.p12 +own +CN=registration /m,
    ]) {
      expect(ran.out).toMatch(words);
    }
    expect(ran.out + ran.err).not.toContain(SECRETS[0]);
  });

  it('opens PKCS#12 with RC2-40, and warns that OpenSSL 3 alone does not', () => {
    const build = [
      '--gateway-url',
      'https://gw.example',
      '--gateway-root',
      'ca.crt',
      '--registration-p12',
      'here.p12',
    ];
    expect(run('credentials', 'build', ...build, '--out', 'legacy.zip').status).toBe(0);
    const ran = run('credentials', 'inspect', 'legacy.zip', '--json');
    expect(ran.status).toBe(0);
    const report = JSON.parse(ran.out);
    expect(report.works).toBe(true);
    expect(report.findings.map((finding: { message: string }) => finding.message)).toContainEqual(
      expect.stringMatching(/rc2-40.*OpenSSL 3/),
    );
  });

  it('exits with 3 where the archive would not work, made with zip by hand', () => {
    writeFileSync(at('autoprov.url'), 'https://gw.example/\n');
    writeFileSync(
      at('treehub.json'),
      '{"ostree":{"server":"https://t"},"oauth":{"client_secret":"the-client-secret"}}',
    );
    execFileSync('zip', ['-q', 'hand.zip', 'autoprov.url', 'treehub.json'], { cwd: work });
    const ran = run('credentials', 'inspect', 'hand.zip');
    expect(ran.status).toBe(3);
    expect(ran.err).toContain('check-failed');
    expect(ran.out).toMatch(/^error +autoprov.url +must not end with a slash$/m);
    expect(ran.out).toMatch(/^error +treehub.json +the key "oauth" is not read; it is "oauth2"$/m);
    expect(ran.out).not.toContain(SECRETS[0]);
  });

  it('holds an archive against its fleet', () => {
    expect(run('credentials', 'inspect', 'least.zip', '--fleet', 'cars').status).toBe(0);
    const ran = run('credentials', 'inspect', 'all.zip', '--fleet', 'cars');
    expect(ran.status).toBe(3);
    expect(ran.out).toContain(`is not the gateway of the fleet cars: ${GATEWAY}`);
  });

  it('refuses what is encrypted, or is not there, with 2', () => {
    execFileSync('zip', ['-q', '-P', 'pass', 'encrypted.zip', 'autoprov.url'], { cwd: work });
    const ran = run('credentials', 'inspect', 'encrypted.zip');
    expect(ran.status).toBe(2);
    expect(ran.err).toContain(
      'bad-credentials: "autoprov.url" in the zip cannot be read. The file is encrypted.',
    );
    expect(run('credentials', 'inspect', 'missing.zip').status).toBe(2);
  });
});

describe('fleetca fleet create --from-credentials', () => {
  const create = (name: string, ...more: readonly string[]): Ran =>
    run('fleet', 'create', name, '--target', 'generic', '--json', ...more);

  it('takes gatewayUrl from autoprov.url and gatewayRoot from server_ca.pem', () => {
    const ran = create('taken', '--from-credentials', 'least.zip');
    expect(ran.status).toBe(0);
    expect(JSON.parse(ran.out)).toMatchObject({ gatewayUrl: GATEWAY, gatewayRoot: anyRoot(service) });
  });

  it('takes gatewayRoot from the CAs of autoprov_credentials.p12 where there is no server_ca.pem', () => {
    writeFileSync(at('autoprov.url'), 'https://gw.example');
    execFileSync('cp', ['here.p12', 'autoprov_credentials.p12'], { cwd: work });
    execFileSync('zip', ['-q', 'here.zip', 'autoprov.url', 'autoprov_credentials.p12'], { cwd: work });
    const ran = create('from-p12', '--from-credentials', 'here.zip');
    expect(ran.status).toBe(0);
    const root = readFileSync(at('ca.crt'), 'utf8');
    expect(JSON.parse(ran.out)).toMatchObject({ gatewayUrl: 'https://gw.example', gatewayRoot: root });
  });

  it('lets what is given beside it win', () => {
    const ran = create('won', '--from-credentials', 'here.zip', '--gateway-url', 'https://other.example');
    expect(JSON.parse(ran.out)).toMatchObject({ gatewayUrl: 'https://other.example' });
  });

  it('refuses an archive that tells nothing of a gateway', () => {
    const ran = create('nothing', '--from-credentials', 'through.zip');
    expect(ran.status).toBe(2);
    expect(ran.err).toContain("neither the gateway's URL nor its root");
  });
});

it('every command of docs/credentials.md works as it stands, in order', () => {
  const page = readFileSync(new URL('../../docs/credentials.md', import.meta.url), 'utf8');
  const commands = [...page.matchAll(/```sh\n(.*?)```/gs)].map(([, command = '']) => command);
  expect(commands.length).toBeGreaterThanOrEqual(5);
  const uptane = makeUptane('2099-01-01T00:00:00Z');
  for (const name of ['root.json', 'targets.pub', 'targets.sec'] as const)
    writeFileSync(at(name), uptane[name]);
  execFileSync('cp', ['secret', 'client-secret'], { cwd: work });
  execFileSync('cp', ['ca.crt', 'gateway-root.pem'], { cwd: work });
  execFileSync('cp', ['reg.p12', 'registration.p12'], { cwd: work });
  writeFileSync(at('fleetca'), `#!/bin/sh\nexec '${process.execPath}' '${PROGRAM}' "$@"\n`, { mode: 0o755 });
  for (const command of commands) {
    const env = { ...environment(), PATH: `${work}:${process.env.PATH}` };
    const { status, stderr } = spawnSync('sh', ['-ec', command], { cwd: work, env, encoding: 'utf8' });
    expect(status, `${command}${stderr}`).toBe(0);
  }
});
