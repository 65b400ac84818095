/** A fleet's root on its way to OTA servers, from the command line. */
import { execFileSync, spawnSync } from 'node:child_process';
import { createPublicKey, X509Certificate } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { makeDevice, makeFleet, makeToken, requestCertificate, type TestFleet } from '../support/fleet.ts';
import { type Ran, runFleetca } from '../support/run-fleetca.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

const work = scratchFolder();
const at = (...name: string[]): string => join(work, ...name);
let service: Service;
let fleet: TestFleet;

const run = (...args: readonly string[]): Promise<Ran> =>
  runFleetca(
    { cwd: service.data, env: { FLEETCA_URL: service.apiUrl, FLEETCA_TOKEN_FILE: at('security') } },
    ...args,
  );

async function must(...args: readonly string[]): Promise<string> {
  const { status, out, err } = await run(...args);
  if (status !== 0) throw new Error(`fleetca ${args.join(' ')}: ${status}\n${err}`);
  return out;
}

const openssl = (...args: readonly string[]): string => execFileSync('openssl', args, { encoding: 'utf8' });
const fleetOption = ['--fleet', 'demo'] as const;
const listed = async (): Promise<string> => must('server', 'list', ...fleetOption);

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo');
  writeFileSync(at('security'), fleet.tokens.security, { mode: 0o600 });
  for (const [name, kind] of [
    ['here', 'ota-connect'],
    ['aws', 'aws-iot'],
    ['azure', 'azure-dps'],
    ['ce', 'ota-ce'],
  ] as const) {
    await must('server', 'add', name, ...fleetOption, '--kind', kind);
  }
});
afterAll(() => stopSound(service));

const rootKeyOf = (folder: string): string =>
  new X509Certificate(readFileSync(at(folder, 'fleet-root.pem'))).publicKey.export({
    type: 'spki',
    format: 'pem',
  }) as string;

describe('OTA Connect is handed a folder', () => {
  it('with the root, its fingerprint, a verdict, a letter, and a request under the key with the code', async () => {
    const out = at('connect');
    await must('publish', 'demo', '--server', 'here', '--code', 'ticket 4711', '--out', out);
    const text = openssl('req', '-in', join(out, 'possession.csr'), '-verify', '-noout', '-text');
    expect(text).toMatch(/challengePassword\s*:\s*ticket 4711/);
    const csrKey = openssl('req', '-in', join(out, 'possession.csr'), '-noout', '-pubkey');
    expect(createPublicKey(csrKey).export({ type: 'spki', format: 'pem' })).toBe(rootKeyOf('connect'));
    const { fingerprint256 } = new X509Certificate(readFileSync(join(out, 'fleet-root.pem')));
    const sha256 = fingerprint256.replaceAll(':', '').toLowerCase();
    expect(readFileSync(join(out, 'fingerprint.txt'), 'utf8')).toBe(`sha256 ${sha256}\n`);
    expect(readFileSync(join(out, 'letter.txt'), 'utf8')).toContain(sha256);
    expect(existsSync(join(out, 'verdict.txt'))).toBe(true);
    expect(await listed()).toMatch(/^here +ota-connect +G1 prepared \S+ by [0-9a-f]{16}$/m);
  });

  it('and what became of it is what was last said, by whom', async () => {
    await must('server', 'mark', 'here', ...fleetOption, '--state', 'handed-over', '--note', 'by mail');
    await must('server', 'mark', 'here', ...fleetOption, '--state', 'confirmed');
    expect(await listed()).toMatch(/^here +ota-connect +G1 confirmed /m);
    expect(
      (await run('server', 'mark', 'here', ...fleetOption, '--state', 'confirmed', '--generation', '2'))
        .status,
    ).toBe(4);
  });
});

describe.each([
  ['aws', /aws iot register-ca-certificate/],
  ['azure', /az iot dps certificate verify/],
] as const)('%s is shown a certificate for its code', (server, next) => {
  const code = `code-of-${server}`;

  it("that is the root's, for seven days, and no device", async () => {
    const out = at(server);
    await must('publish', 'demo', '--server', server, '--code', code, '--out', out);
    const [root, proof] = [join(out, 'fleet-root.pem'), join(out, 'possession.pem')];
    const { subject, validTo } = new X509Certificate(readFileSync(proof));
    expect(subject).toBe(`CN=${code}`);
    expect(new Date(validTo).getTime() - Date.now()).toBeLessThanOrEqual(30 * 86_400_000);
    expect(openssl('verify', '-x509_strict', '-CAfile', root, proof)).toContain('OK');
    // As a gateway would: error 26, unsuitable certificate purpose.
    const asDevice = spawnSync('openssl', ['verify', '-purpose', 'sslclient', '-CAfile', root, proof]);
    expect([asDevice.status, String(asDevice.stderr)]).toEqual([2, expect.stringContaining('error 26')]);
    expect(readFileSync(join(out, 'next.sh'), 'utf8')).toMatch(next);
    execFileSync('sh', ['-n', join(out, 'next.sh')]);
  });

  it('which is in the audit log, and in no inventory', async () => {
    const { serialNumber } = new X509Certificate(readFileSync(at(server, 'possession.pem')));
    const serial = serialNumber.toLowerCase();
    const log = await service.call('GET', '/v1/audit?limit=1000', {
      token: await makeToken(service, { name: 'log', role: 'auditor' }),
    });
    const entries = log
      .json()
      .items.filter(({ action }: { action: string }) => action === 'possession-intent-recorded');
    expect(entries.map(({ details }: { details: { serial: string } }) => details.serial)).toContain(serial);
    const search = `/v1/fleets/demo/certificates?serial=${serial}`;
    expect((await service.call('GET', search, { token: fleet.tokens.auditor })).json().items).toEqual([]);
    const device = await service.call('GET', `/v1/fleets/demo/devices/${code}`, {
      token: fleet.tokens.auditor,
    });
    expect(device.status).toBe(404);
  });

  it('and not where a device is called so, nor without a code', async () => {
    const taken = `device-at-${server}`;
    await requestCertificate(service, fleet, { body: makeDevice(taken).csr });
    const publish = ['publish', 'demo', '--server', server, '--out', at('refused')];
    expect((await run(...publish, '--code', taken)).status).toBe(5);
    expect((await run(...publish, '--code', 'a\u0007b')).status).toBe(2);
    expect((await run(...publish)).status).toBe(2);
    expect(existsSync(at('refused'))).toBe(false);
  });
});

describe('the files of an ota-ce gateway', () => {
  const publish = (reload: string) =>
    run('publish', 'demo', '--server', 'ce', '--out', at('ce'), '--reload', reload);

  it('are written, and the gateway is told until it has heard, and not again', async () => {
    const failed = await publish('exit 3');
    expect([failed.status, failed.err]).toEqual([6, expect.stringContaining('`exit 3` ended with status 3')]);
    expect(await listed()).toMatch(/^ce +ota-ce +nothing said$/m);
    const reload = `echo reloaded >> '${at('reloads')}'`;
    expect((await publish(reload)).status).toBe(0);
    expect((await publish(reload)).status).toBe(0);
    expect(readFileSync(at('reloads'), 'utf8')).toBe('reloaded\n');
    const bundle = await service.call('GET', '/pki/demo/trust-bundle.pem');
    expect(readFileSync(at('ce', 'trust-bundle.pem'), 'utf8')).toBe(bundle.body.toString());
    expect(await listed()).toMatch(/^ce +ota-ce +G1 handed-over /m);
  });

  it('are all that is asked of it: it wants to see no proof', async () => {
    const call = await service.call('POST', '/v1/fleets/demo/servers/ce/possession', {
      token: fleet.tokens.security,
      json: { code: 'x' },
    });
    expect([call.status, call.code()]).toEqual([400, 'bad-request']);
  });
});
