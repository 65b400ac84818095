/** The first procedure of the OTA manuals, from the command line: a provisioning key, credentials.zip, cert-provider. */
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { isLeftOut } from '../support/counterpart.ts';
import { makeFleet, type TestFleet } from '../support/fleet.ts';
import { callFromFolder } from '../support/import-folder.ts';
import { makeGatewayIdentity, type OpensslGateway, startOpensslGateway } from '../support/openssl-gateway.ts';
import { runFleetca } from '../support/run-fleetca.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';
import { startSshd } from '../support/sshd.ts';

const work = scratchFolder();
const identity = makeGatewayIdentity();
let service: Service;
let fleet: TestFleet;
let gateway: OpensslGateway;

/** As role security, where a call is made at all. */
const run = (...args: readonly string[]) =>
  runFleetca(
    {
      cwd: work,
      env: {
        FLEETCA_URL: service.apiUrl,
        FLEETCA_DATA: service.data,
        FLEETCA_TOKEN: fleet.tokens.security,
      },
    },
    ...args,
  );

/** What it printed, where it must work out. */
async function must(...args: readonly string[]): Promise<string> {
  const ran = await run(...args);
  if (ran.status !== 0) throw new Error(`${args.join(' ')}: ${ran.status}\n${ran.err}`);
  return ran.out;
}

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo', { gatewayRoot: identity.root });
  await must('authority', 'create', 'registration', '--fleet', 'demo', '--kind', 'registration');
  const bundle = await service.call('GET', '/pki/demo/trust-bundle.pem');
  gateway = await startOpensslGateway(bundle.text(), identity);
});

afterAll(async () => {
  gateway?.close();
  await stopSound(service);
});

it('registration create writes autoprov_credentials.p12, the owner’s alone, and replaces none', async () => {
  const wish = ['registration', 'create', '--fleet', 'demo', '--name', 'images', '--max-devices', '3'];
  const made = JSON.parse(await must(...wish, '--json'));
  expect(made).toMatchObject({ fleet: 'demo', maxDevices: 3, out: 'autoprov_credentials.p12' });
  const file = join(work, 'autoprov_credentials.p12');
  expect(statSync(file).mode & 0o777).toBe(0o600);
  const before = readFileSync(file);
  expect((await run(...wish)).status).toBe(2);
  expect(readFileSync(file)).toEqual(before);
});

it('credentials build makes credentials.zip of it, which serves devices and cert-provider', async () => {
  const url = ['--gateway-url', String(service.mutualUrl)];
  const p12 = ['--registration-p12', 'autoprov_credentials.p12'];
  await must('credentials', 'build', '--fleet', 'demo', ...url, ...p12, '--out', 'credentials.zip');
  const { tools } = JSON.parse(await must('credentials', 'inspect', 'credentials.zip', '--json'));
  const serves = (tool: string) => tools.find(({ tool: name }: { tool: string }) => name === tool)?.state;
  expect([serves('device-shared'), serves('cert-provider')]).toEqual(['works', 'works']);
});

it('cert-provider trades it for credentials of a device, which is let in at the gateway', async () => {
  const into = ['-c', 'credentials.zip', '-l', 'out', '-d', '/import', '-r'];
  await must('cert-provider', ...into, '--certificate-cn', 'VIN-1');
  const folder = join(work, 'out/import');
  writeFileSync(join(folder, 'gateway.url'), `https://localhost:${gateway.port}`);
  expect(await callFromFolder(folder)).toBe('online');
});

it.skipIf(isLeftOut('sshd'))(
  'the manual’s own command puts them onto a device over ssh, which is let in at the gateway',
  async () => {
    mkdirSync(join(work, 'ssh'));
    const device = await startSshd(join(work, 'ssh'));
    const folder = join(work, 'device/var/sota');
    try {
      // cert_provider -c credentials.zip -t <device> -d /var/sota; the gateway and its root stand in the image.
      const onto = ['-t', device.target, '-p', String(device.port), '-d', folder];
      const ran = await runFleetca(
        { cwd: work, programs: device.programs },
        'cert-provider',
        '-c',
        'credentials.zip',
        ...onto,
      );
      expect([ran.status, ran.err]).toEqual([0, '']);
    } finally {
      await device.stop();
    }
    expect(readdirSync(folder).sort()).toEqual(['client.pem', 'pkey.pem']);
    writeFileSync(join(folder, 'root.crt'), identity.root);
    writeFileSync(join(folder, 'gateway.url'), `https://localhost:${gateway.port}`);
    expect(await callFromFolder(folder)).toBe('online');
  },
);

it('section 8, already registered: an ID that is taken is a conflict, and a device too many is told so', async () => {
  const into = ['-c', 'credentials.zip', '-d', '/import', '-r'];
  const again = await run('cert-provider', ...into, '-l', 'again', '--certificate-cn', 'VIN-1');
  expect([again.status, again.err]).toEqual([5, expect.stringContaining('has a device VIN-1 already')]);
  await must('cert-provider', ...into, '-l', 'second', '--certificate-cn', 'VIN-2');
  const third = await run('cert-provider', ...into, '-l', 'third', '--certificate-cn', 'VIN-3');
  expect(third.status).not.toBe(0);
  expect(third.err).toContain('quota-exceeded');
});

it('registration list tells what was spent, and registration revoke ends it', async () => {
  const listed = () => must('registration', 'list', '--fleet', 'demo', '--json');
  const [one] = (await listed()).trim().split('\n');
  const { id, registered } = JSON.parse(one ?? '');
  expect(registered).toBe(3);
  await must('registration', 'revoke', id, '--fleet', 'demo', '--reason', 'lost');
  expect(JSON.parse(await listed())).toMatchObject({ id, revocationReason: 'lost' });
  expect(await must('registration', 'list', '--fleet', 'demo')).toContain('revoked');
});
