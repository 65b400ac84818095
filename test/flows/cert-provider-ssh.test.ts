/** `fleetca cert-provider` onto devices that ssh reaches, through a real sshd. */
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { mountSmall, unmountAll, whyNoMount } from '../crash/scratch-mount.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { startCuttingProxy } from '../support/cutting-proxy.ts';
import { callFromFolder } from '../support/import-folder.ts';
import { type OpensslGateway, startOpensslGateway } from '../support/openssl-gateway.ts';
import { makeWorkshop, startRegistrationServer, writeZip } from '../support/provisioning-server.ts';
import { runFleetca } from '../support/run-fleetca.ts';
import { type SshDevice, startSshd } from '../support/sshd.ts';

const shop = makeWorkshop();
const work = shop.folder;
const at = (...names: readonly string[]): string => join(work, ...names);
const CA = ['--fleet-ca', 'fleet.pem', '--fleet-ca-key', 'fleet.key'];

/** Every file below a folder, hidden ones too; null where there is no such folder. */
const filesIn = (folder: string): readonly string[] | null =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, encoding: 'utf8' })
        .filter((name) => !statSync(join(folder, name)).isDirectory())
        .sort()
    : null;

const namesIn = (folder: string): readonly string[] => readdirSync(folder).sort();

describe.skipIf(['ssh', 'sshd'].some(isLeftOut))('a device that ssh reaches', () => {
  let device: SshDevice;
  let gateway: OpensslGateway;

  const run = (...args: readonly string[]) =>
    runFleetca({ cwd: work, programs: device.programs }, 'cert-provider', ...args);
  const onto = (folder: string) => ['-t', device.target, '-p', String(device.port), '-d', folder];
  const put = (folder: string, ...args: readonly string[]) => run(...CA, ...onto(folder), ...args);

  beforeAll(async () => {
    mkdirSync(at('ssh'));
    device = await startSshd(at('ssh'));
    gateway = await startOpensslGateway(shop.read('fleet.pem'));
    const entries = { 'autoprov.url': `https://localhost:${gateway.port}`, 'server_ca.pem': gateway.root };
    await writeZip(at('credentials.zip'), entries);
  });

  afterAll(async () => {
    unmountAll();
    gateway?.close();
    await device?.stop();
    shop.remove();
  });

  it('section 4, -t/--target and -p/--port: gets its credentials, 0600, and goes online at a gateway that trusts the fleet root alone', async () => {
    const folder = at('var/sota/import');
    const ran = await put(folder, '-c', 'credentials.zip', '-r', '-u', '--json', '--certificate-cn', 'VIN-1');
    expect([ran.status, ran.err]).toEqual([0, '']);
    expect(JSON.parse(ran.out)).toMatchObject({ deviceId: 'VIN-1', places: [device.target] });
    expect(namesIn(folder)).toEqual(['client.pem', 'gateway.url', 'pkey.pem', 'root.crt']);
    expect(namesIn(folder).map((name) => statSync(join(folder, name)).mode & 0o777)).toEqual([
      0o600, 0o600, 0o600, 0o600,
    ]);
    expect(await callFromFolder(folder)).toBe('online');
    // Again: what is there is replaced, never nested.
    expect((await put(folder, '-c', 'credentials.zip', '-r', '-u')).status).toBe(0);
    expect(filesIn(folder)).toEqual(['client.pem', 'gateway.url', 'pkey.pem', 'root.crt']);
    expect(await callFromFolder(folder)).toBe('online');
  });

  it('section 4, -d/--directory: may have any name, no shell takes it apart', async () => {
    const folder = at('it\'s "a" $(touch hurt) `touch hurt`; \\ ü\u{1f511} *');
    expect((await put(folder)).status).toBe(0);
    expect(filesIn(folder)).toEqual(['client.pem', 'pkey.pem']);
  });

  it('section 4, -g/--config: files go to several folders', async () => {
    const toml = `[import]\nbase_path = "${at('creds')}"\n[tls]\nserver_url_path = "${at('etc', 'gw url')}"\n`;
    writeFileSync(at('sota.toml'), toml);
    const where = ['-t', device.target, '-p', String(device.port), '-g', 'sota.toml'];
    expect((await run(...CA, '-c', 'credentials.zip', '-u', ...where)).status).toBe(0);
    expect([filesIn(at('creds')), filesIn(at('etc'))]).toEqual([['client.pem', 'pkey.pem'], ['gw url']]);
  });

  it('section 4, -l/--local and -t/--target: the same files in both places', async () => {
    expect((await put(at('both'), '-l', 'copy')).status).toBe(0);
    for (const name of ['client.pem', 'pkey.pem'])
      expect(readFileSync(join(at('copy'), at('both'), name))).toEqual(readFileSync(at('both', name)));
  });

  it('section 4, -s/--skip-checks: takes any host key, where one that is not known is refused', async () => {
    device.configure('UserKnownHostsFile /dev/null');
    const refused = await put(at('unknown'));
    expect([refused.status, refused.err]).toEqual([4, expect.stringMatching(/^fleetca: untrusted: /)]);
    expect(filesIn(at('unknown'))).toBeNull();
    expect((await put(at('unknown'), '-s')).status).toBe(0);
    expect(filesIn(at('unknown'))).toEqual(['client.pem', 'pkey.pem']);
    device.configure();
  });

  it('that refuses the login ends with status 4, where the tool that this stands in for ends with 0', async () => {
    device.letIn('nobody');
    const ran = await put(at('refused'), '-l', 'refused-copy');
    device.letIn('user');
    expect([ran.status, ran.out, ran.err]).toEqual([
      4,
      '',
      expect.stringMatching(/^fleetca: login-refused: .*Permission denied/),
    ]);
    // Nothing was made, so nothing was written here either.
    expect([filesIn(at('refused')), filesIn(at('refused-copy'))]).toEqual([null, null]);
  });

  it('that nobody answers for ends with status 6, and ssh that is not there with 2', async () => {
    const nobody = await run(...CA, '-t', device.target, '-p', '1', '-d', at('nobody'));
    expect([nobody.status, nobody.err]).toEqual([
      6,
      expect.stringMatching(/^fleetca: unreachable: .*refused/),
    ]);
    mkdirSync(at('empty'));
    const args = [...CA, '-t', device.target, '-l', 'nothing'];
    const none = await runFleetca({ cwd: work, env: { PATH: at('empty') } }, 'cert-provider', ...args);
    expect([none.status, none.err]).toEqual([2, expect.stringMatching(/^fleetca: setup: There is no ssh/)]);
    expect(filesIn(at('nothing'))).toBeNull();
  });

  it('where the files cannot be put ends with status 2, and with what the device says', async () => {
    writeFileSync(at('a-file'), '');
    const ran = await put(at('a-file', 'import'));
    expect([ran.status, ran.err]).toEqual([2, expect.stringMatching(/^fleetca: usage: .*Not a directory/)]);
    mkdirSync(at('nest/client.pem'), { recursive: true });
    expect((await put(at('nest'))).status).toBe(2);
    expect(filesIn(at('nest'))).toEqual([]);
  });

  it('with a full disk keeps what it had, and nothing else', async ({ skip }) => {
    const folder = at('small');
    mkdirSync(folder);
    const why = whyNoMount(folder);
    skip(why !== undefined, why);
    mountSmall(folder, 1);
    const into = join(folder, 'import');
    expect((await put(into)).status).toBe(0);
    const before = readFileSync(join(into, 'client.pem'));
    try {
      writeFileSync(join(folder, 'filler'), Buffer.alloc(2 * 1024 * 1024));
    } catch {
      // Full is what it was to become.
    }
    const ran = await put(into);
    expect([ran.status, ran.err]).toEqual([
      6,
      expect.stringMatching(/^fleetca: not-placed: .*No space left/),
    ]);
    expect(namesIn(into)).toEqual(['client.pem', 'pkey.pem']);
    expect(readFileSync(join(into, 'client.pem'))).toEqual(before);
  });

  it('whose connection is cut before its files have come keeps what it had, and the status is not 0', async () => {
    const { letGo, ...registration } = await startHeldServer();
    const proxy = await startCuttingProxy(device.port);
    const folder = at('cut');
    mkdirSync(folder);
    writeFileSync(join(folder, 'pkey.pem'), 'old key');
    device.configure(`HostKeyAlias [127.0.0.1]:${device.port}`);
    // The session is open and the key is made; then, before a file has left, the network breaks.
    const running = run('-c', 'shared.zip', '-t', device.target, '-p', String(proxy.port), '-d', folder);
    await registration.asked;
    expect(namesIn(folder).filter((name) => name.startsWith('.fleetca-'))).toHaveLength(1);
    await proxy.close();
    letGo();
    const ran = await running;
    device.configure();
    registration.stop();
    expect([ran.status, ran.err]).toEqual([6, expect.stringMatching(/^fleetca: cut-off: /)]);
    await until(() => namesIn(folder).length === 1);
    expect(filesIn(folder)).toEqual(['pkey.pem']);
    expect(readFileSync(join(folder, 'pkey.pem'), 'latin1')).toBe('old key');

    // The server made the key, hands it out once, and is gone: it is here, and the next call delivers it.
    const [, name = ''] = /--certificate-cn '(\S+)'/.exec(ran.err) ?? [];
    const again = await run('-c', 'shared.zip', ...onto(folder), '--certificate-cn', name);
    expect([again.status, again.err]).toEqual([0, expect.stringContaining('the server was not asked again')]);
    expect(filesIn(folder)).toEqual(['client.pem', 'pkey.pem']);
    expect(existsSync(at('fleetca-undelivered', `${name}.json`))).toBe(false);
  });

  it('whose sshd dies leaves nothing half-written either', async () => {
    const { letGo, ...registration } = await startHeldServer();
    const folder = at('died');
    const running = run('-c', 'shared.zip', ...onto(folder));
    await registration.asked;
    device.cutSessions();
    letGo();
    const ran = await running;
    registration.stop();
    expect([ran.status, ran.err]).toEqual([6, expect.stringMatching(/^fleetca: cut-off: /)]);
    await until(() => namesIn(folder).length === 0);
  });

  /** The shell on a device notices the end of its script on its own. */
  async function until(met: () => boolean): Promise<void> {
    for (let tries = 0; !met(); tries++) {
      if (tries > 200) throw new Error('it did not come to that');
      await sleep(50);
    }
  }

  /** A server that registers devices, and holds its answer back: the moment between opening and writing. */
  async function startHeldServer() {
    shop.root('registration', 'registration CA', 'clientAuth');
    shop.under('registration', 'registrar', 'shared by all', 'extendedKeyUsage = clientAuth');
    shop.under('fleet', 'made', 'VIN-2', 'extendedKeyUsage = clientAuth');
    const body = shop.p12('made', ['gateway-root']);
    let letGo = (): void => undefined;
    let wasAsked = (): void => undefined;
    const gone = new Promise<void>((resolve) => {
      letGo = resolve;
    });
    const asked = new Promise<void>((resolve) => {
      wasAsked = resolve;
    });
    const files = { key: 'gateway.key', cert: 'gateway.pem', ca: 'registration.pem' };
    const server = await startRegistrationServer(work, files, async () => {
      wasAsked();
      await gone;
      return { status: 200, body };
    });
    const p12 = shop.p12('registrar', ['gateway-root']);
    await writeZip(at('shared.zip'), { 'autoprov.url': server.url, 'autoprov_credentials.p12': p12 });
    return { asked, letGo, stop: () => void server.stop() };
  }
});
