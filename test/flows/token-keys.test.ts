/** A device whose key stays in its token: by hand with OpenSSL and OpenSC, and with `fleetca device enroll`. */
import { execFileSync, spawn } from 'node:child_process';
import { X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { isLeftOut } from '../support/counterpart.ts';
import { makeFleet, requestCertificate, type TestFleet } from '../support/fleet.ts';
import { makeGatewayIdentity, type OpensslGateway, startOpensslGateway } from '../support/openssl-gateway.ts';
import { outputOf, type Ran } from '../support/run-fleetca.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';
import { startSshd } from '../support/sshd.ts';

const PROGRAM = fileURLToPath(new URL('../../bin/fleetca.mjs', import.meta.url));
const MODULE = '/usr/lib/softhsm/libsofthsm2.so';
const PIN = '1234';
/** As the SoftHSM image of the devices names it. */
const LABEL = 'Virtual token';
const TOOLS = ['softhsm2-util', 'pkcs11-tool', 'pkcs11.so'];

const work = scratchFolder();
const at = (name: string): string => join(work, name);

/** Tokens of their own for each device. */
function makeToken(name: string, ...labels: readonly string[]): Record<string, string> {
  const folder = at(name);
  mkdirSync(join(folder, 'tokens'), { recursive: true });
  writeFileSync(join(folder, 'softhsm2.conf'), `directories.tokendir = ${join(folder, 'tokens')}\n`);
  const env = {
    PATH: String(process.env.PATH),
    SOFTHSM2_CONF: join(folder, 'softhsm2.conf'),
    PKCS11_MODULE_PATH: MODULE,
  };
  for (const label of labels) {
    const to = ['--init-token', '--free', '--label', label, '--so-pin', '4321', '--pin', PIN];
    execFileSync('softhsm2-util', to, { env, stdio: 'pipe' });
  }
  return env;
}

const tool = (env: Record<string, string>, ...args: readonly string[]): string =>
  execFileSync('pkcs11-tool', ['--module', MODULE, '--login', '--pin', PIN, ...args], {
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });

const uriOf = (id: string): string =>
  `pkcs11:token=${encodeURIComponent(LABEL)};id=%${id};type=private;pin-value=${PIN}`;

describe.skipIf(TOOLS.some(isLeftOut))('a device whose key stays in its token', () => {
  let service: Service;
  let fleet: TestFleet;
  let direct: TestFleet;
  let bundle: string;

  beforeAll(async () => {
    service = await startService();
    fleet = await makeFleet(service, 'line');
    direct = await makeFleet(service, 'direct', { issuing: false });
    bundle = (await service.call('GET', '/pki/line/trust-bundle.pem')).text();
    writeFileSync(at('pin'), `${PIN}\n`, { mode: 0o600 });
    for (const { name, tokens } of [fleet, direct])
      writeFileSync(at(`${name}.token`), tokens.station, { mode: 0o600 });
  });
  afterAll(() => stopSound(service));

  async function enroll(
    env: Record<string, string>,
    deviceId: string,
    ...more: readonly string[]
  ): Promise<Ran> {
    const named = more.includes('--fleet') ? [] : ['--fleet', 'line'];
    const args = [
      '--pkcs11',
      MODULE,
      '--pin-file',
      at('pin'),
      '--url',
      service.apiUrl,
      '--pin',
      service.fingerprint,
    ];
    const token = more.includes('direct') ? at('direct.token') : at('line.token');
    const child = spawn(
      process.execPath,
      [PROGRAM, 'device', 'enroll', deviceId, '--token-file', token, ...named, ...args, ...more],
      { env: { ...env }, stdio: ['ignore', 'pipe', 'pipe'] },
    );
    return outputOf(child);
  }

  /** Comes to a gateway with the key in the token and the certificate that is beside it, alone. */
  async function comesOnline(gateway: OpensslGateway, env: Record<string, string>): Promise<boolean> {
    const der = join(work, 'from-token.der');
    tool(env, '--read-object', '--type', 'cert', '--id', '01', '--output-file', der);
    const credentials = ['-engine', 'pkcs11', '-keyform', 'engine', '-key', uriOf('02')];
    return gateway.letsIn(['-cert', der, '-certform', 'DER', ...credentials], env);
  }

  it('section 2, 01 and 02: certified by hand, with a key made in the token, a request signed there, and the certificate beside it', async () => {
    const env = makeToken('by-hand', LABEL);
    tool(env, '--keypairgen', '--key-type', 'EC:prime256v1', '--id', '02', '--label', 'devicekey');
    const signed = ['-engine', 'pkcs11', '-keyform', 'engine', '-key', uriOf('02')];
    execFileSync('openssl', ['req', '-new', ...signed, '-subj', '/CN=by-hand', '-out', at('dev.csr')], {
      env,
      stdio: 'pipe',
    });
    const made = await requestCertificate(service, fleet, {
      body: readFileSync(at('dev.csr')),
      accept: 'application/pkix-cert',
    });
    expect(made.status).toBe(201);
    writeFileSync(at('client.der'), made.body);
    tool(env, '--write-object', at('client.der'), '--type', 'cert', '--id', '01', '--label', 'devicecert');
    const gateway = await startOpensslGateway(bundle);
    try {
      expect(await comesOnline(gateway, env)).toBe(true);
    } finally {
      gateway.close();
    }
  });

  it.skipIf(isLeftOut('sshd'))(
    'the manual’s procedure with an HSM: a device directory, copied to /var/sota/token with scp, loaded as its image does, ends at a gateway',
    async () => {
      const identity = makeGatewayIdentity();
      const { tokens } = await makeFleet(service, 'manual', { gatewayRoot: identity.root });
      const made = await service.call('POST', '/v1/fleets/manual/devices?layout=token', {
        token: tokens.station,
        json: { deviceId: 'VIN-HSM' },
        accept: 'application/zip',
      });
      expect(made.status).toBe(201);
      writeFileSync(at('VIN-HSM.zip'), made.body);
      execFileSync('unzip', ['-q', 'VIN-HSM.zip'], { cwd: work });

      // "enter the device directory", and copy: scp -P 2222 -pr ./ root@localhost:/var/sota/token
      mkdirSync(at('ssh'));
      mkdirSync(at('image/var/sota/token'), { recursive: true });
      const image = await startSshd(at('ssh'));
      try {
        const onto = ['-P', String(image.port), '-pr', './', `${image.target}:${at('image/var/sota/token')}`];
        const scp = spawn('scp', ['-S', join(image.programs, 'ssh'), ...onto], {
          cwd: at('VIN-HSM'),
          stdio: 'ignore',
        });
        expect(await once(scp, 'close')).toEqual([0, null]);
      } finally {
        await image.stop();
      }
      const there = (name: string): string => at(join('image/var/sota/token', name));
      expect(readFileSync(there('root.crt'), 'latin1')).toBe(identity.root);

      // What the image's script does: PKCS#8 and DER, and into the token.
      const env = makeToken('image', LABEL);
      const run = (command: string, ...args: readonly string[]) =>
        execFileSync(command, args, { env, stdio: 'pipe' });
      run('openssl', 'pkcs8', '-topk8', '-nocrypt', '-in', there('pkey.pem'), '-out', there('pkey.p8'));
      run('openssl', 'x509', '-in', there('client.pem'), '-outform', 'DER', '-out', there('client.der'));
      const into = ['--token', LABEL, '--pin', PIN, '--id', '02', '--label', 'pkey'];
      run('softhsm2-util', '--import', there('pkey.p8'), ...into);
      tool(
        env,
        '--write-object',
        there('client.der'),
        '--type',
        'cert',
        '--id',
        '01',
        '--label',
        'devicecert',
      );

      const trusted = (await service.call('GET', '/pki/manual/trust-bundle.pem')).text();
      const gateway = await startOpensslGateway(trusted, identity);
      try {
        expect(await comesOnline(gateway, env)).toBe(true);
      } finally {
        gateway.close();
      }
    },
  );

  for (const kind of ['ec-p256', 'rsa-2048']) {
    it(`is enrolled with one command, with a key of the kind ${kind}`, async () => {
      const env = makeToken(`enrolled-${kind}`, LABEL);
      const deviceId = `enrolled-${kind}`;
      const out = at(`out-${kind}`);
      const ran = await enroll(env, deviceId, '--key-algorithm', kind, '--out', out, '--json');
      expect(ran.status, ran.err).toBe(0);
      const said = JSON.parse(ran.out);
      expect(said).toMatchObject({ deviceId, token: LABEL, keyId: '02', certificateId: '01', keyMade: true });
      expect(said.warnings.join()).toContain('trust-bundle.pem');
      const der = readFileSync(join(out, 'client.der'));
      expect(new X509Certificate(readFileSync(join(out, 'client.pem'))).raw.equals(der)).toBe(true);
      const listed = tool(env, '--list-objects', '--type', 'privkey');
      expect(listed).toMatch(/never extractable/);
      const gateway = await startOpensslGateway(bundle);
      try {
        expect(await comesOnline(gateway, env)).toBe(true);
      } finally {
        gateway.close();
      }
    });
  }

  it('is let in by a gateway that trusts the root alone where the root issues, and not under an intermediate', async () => {
    const env = makeToken('direct', LABEL);
    const ran = await enroll(env, 'direct-1', '--fleet', 'direct');
    expect(ran.status, ran.err).toBe(0);
    expect(ran.err).not.toContain('trust-bundle.pem');
    const root = (await service.call('GET', '/pki/direct/fleet-root.pem')).text();
    const otherRoot = (await service.call('GET', '/pki/line/fleet-root.pem')).text();
    const own = await startOpensslGateway(root);
    const other = await startOpensslGateway(otherRoot);
    try {
      expect(await comesOnline(own, env)).toBe(true);
      expect(await comesOnline(other, env)).toBe(false);
    } finally {
      own.close();
      other.close();
    }
  });

  it('is given what it has when the command is repeated, and the certificate again where it was lost', async () => {
    const env = makeToken('again', LABEL);
    const first = JSON.parse((await enroll(env, 'again', '--json')).out);
    const second = await enroll(env, 'again', '--json');
    expect(second.status, second.err).toBe(0);
    expect(JSON.parse(second.out)).toMatchObject({ id: first.id, keyMade: false });
    tool(env, '--delete-object', '--type', 'cert', '--id', '01');
    expect(JSON.parse((await enroll(env, 'again', '--json')).out).id).toBe(first.id);
    const objects = tool(env, '--list-objects');
    expect(objects.match(/Certificate Object/g)).toHaveLength(1);
    expect(objects.match(/Private Key Object/g)).toHaveLength(1);
  });

  it('is refused where the device has another key, and nothing is written beside the new one', async () => {
    const env = makeToken('board', LABEL);
    expect((await enroll(env, 'board')).status).toBe(0);
    const swapped = makeToken('board-2', LABEL);
    const refused = await enroll(swapped, 'board');
    expect(refused.status).toBe(5);
    expect(refused.err).toContain('device-has-other-key');
    expect(tool(swapped, '--list-objects', '--type', 'cert')).not.toContain('Certificate Object');
  });

  it('is refused clearly: a wrong PIN, no such token, several, no module, an odd id, a key without its half', async () => {
    const env = makeToken('two', LABEL, 'other');
    writeFileSync(at('wrong'), '9999\n');
    const cases: readonly (readonly [string, readonly string[]])[] = [
      ['The PIN is wrong', ['--token-label', LABEL, '--pin-file', at('wrong')]],
      ['there are: "', ['--token-label', 'absent']],
      ['several tokens: say which', []],
      ['cannot be loaded as a PKCS#11 module', ['--pkcs11', '/bin/true']],
      ['exactly two hex digits', ['--key-id', '2']],
    ];
    for (const [said, more] of cases) {
      const ran = await enroll(env, 'nobody', ...more);
      expect(ran.err).toContain(said);
      expect(ran.status).toBe(2);
      expect(ran.err + ran.out).not.toMatch(/9999| {4}at /);
    }
    tool(env, '--token-label', LABEL, '--keypairgen', '--key-type', 'EC:prime256v1', '--id', '02');
    tool(env, '--token-label', LABEL, '--delete-object', '--type', 'pubkey', '--id', '02');
    const ran = await enroll(env, 'nobody', '--token-label', LABEL);
    expect(ran.err).toContain('no public key beside it');
    expect(
      (await service.call('GET', '/v1/fleets/line/devices/nobody', { token: fleet.tokens.station })).status,
    ).toBe(404);
  });
});
