import { chmodSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { CHECK_CODES, MEANINGS } from '../../src/check/index.ts';
import { zipOf } from '../archive/zip-octets.ts';
import { ca, crl, ecPair, leaf, pem, pkcs8 } from '../check/certify.ts';
import { makeDevice, makeFleet, requestCertificate } from '../support/fleet.ts';
import { runFleetca } from '../support/run-fleetca.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

const dates = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2090-01-01T00:00:00Z') };
const root = ca('fleet', dates);
const keys = ecPair();
const folder = scratchFolder();
const run = (...args: readonly string[]) => runFleetca({ cwd: folder }, 'check', ...args);

function put(path: string, content: string): void {
  mkdirSync(dirname(join(folder, path)), { recursive: true });
  writeFileSync(join(folder, path), content);
  chmodSync(join(folder, path), 0o600);
}

function putDevice(at: string): void {
  put(`${at}/client.pem`, pem(leaf(root, keys, dates)));
  put(`${at}/pkey.pem`, pkcs8(keys));
  put(`${at}/root.crt`, pem(ca('gateway', dates)));
  put(`${at}/gateway.url`, 'https://gateway.example');
}

describe('fleetca check', () => {
  beforeAll(() => {
    putDevice('one');
    putDevice('several/a');
    putDevice('several/b');
    putDevice('linked');
    rmSync(join(folder, 'linked/pkey.pem'));
    symlinkSync('/nonexistent', join(folder, 'linked/pkey.pem'));
    const zip = (entries: readonly (readonly [string, string])[]): Buffer =>
      zipOf(entries.map(([name, content]) => ({ name, content })));
    writeFileSync(join(folder, 'evil.zip'), zip([['../client.pem', 'x']]));
    const zipped = ['client.pem', 'pkey.pem', 'root.crt', 'gateway.url'].map(
      (name) => [`a/${name}`, readFileSync(join(folder, 'several/a', name), 'utf8')] as const,
    );
    writeFileSync(join(folder, 'good.zip'), zip(zipped));
    put('trust.pem', pem(root));
    const device = leaf(root, keys, dates);
    put('one/client.pem', pem(device));
    // By the real clock: so long that it is neither new nor near its end.
    const life = { from: -100, to: 20_000 };
    put('revoked.pem', crl(root, [device], life));
    put('both.pem', pem(root) + crl(root, [], life));
    put('other.pem', pem(ca('another', dates)));
  });

  it('exits with 0 where the device will come online, and says so first', async () => {
    const { status, out } = await run('one', '--trust', 'trust.pem');
    expect(status, out).toBe(0);
    expect(out).toMatch(/^PASS {2}/);
    expect(out).toContain('gateway-accepts');
  });

  it('exits with 3 where it will not, and says in JSON why and what to do', async () => {
    const { status, out } = await run('one', '--trust', 'other.pem', '--json');
    expect(status).toBe(3);
    const report = JSON.parse(out);
    expect(report.verdict).toBe('fail');
    const codes = (list: readonly { readonly code: string }[]) => [...new Set(list.map(({ code }) => code))];
    expect(codes(report.findings).slice(0, 2)).toEqual(['issuer-unknown', 'gateway-refuses']);
    expect(codes(report.advice)).toEqual(['issuer-unknown', 'gateway-refuses']);
    expect(out).not.toContain('PRIVATE KEY');
  });

  it('judges by CRLs of a file, and of the file that says what the gateway trusts', async () => {
    const revoked = await run('one', '--trust', 'trust.pem', '--crl', 'revoked.pem', '--json');
    expect(revoked.status).toBe(3);
    const codes = JSON.parse(revoked.out).findings.map(({ code }: { readonly code: string }) => code);
    // The gateway on this machine has the CRL as well, and says the same.
    expect(codes.slice(0, 3)).toEqual(['leaf-revoked', 'gateway-refuses', 'gateway-refuses']);
    expect((await run('one', '--trust', 'both.pem')).status).toBe(0);
    expect((await run('one', '--trust', 'trust.pem', '--crl', 'trust.pem')).status).toBe(2);
  });

  it.each([
    ['nothing there', ['nowhere'], 'does not exist'],
    ['a link that leads nowhere', ['linked'], 'linked/pkey.pem does not exist'],
    ['a zip that leads out of itself', ['evil.zip'], 'leads out of the archive'],
    ['two devices, and none named', ['several'], '--device'],
    [
      'a call that would register the device',
      ['one', '--gateway', '--target', 'ota-connect'],
      '--may-register',
    ],
    ['a gateway of another scheme', ['one', '--gateway', 'ftp://gateway.example'], 'https://'],
  ])('exits with 2 for %s', async (_, args, says) => {
    const { status, err } = await run(...args);
    expect(status).toBe(2);
    expect(err).toContain(says);
  });

  it('reads a zip as it reads a folder, in a folder of its own too', async () => {
    const { status, out } = await run('good.zip', '--trust', 'trust.pem', '--json');
    expect(status, out).toBe(0);
    const { files } = JSON.parse(out);
    expect(files.map(({ path, role }: Record<string, string>) => `${path}: ${role}`).toSorted()).toEqual([
      'a/client.pem: certificate',
      'a/gateway.url: url',
      'a/pkey.pem: key',
      'a/root.crt: server-root',
    ]);
  });

  it('takes one of several devices by its name, and a root by itself', async () => {
    expect((await run('several', '--device', 'b', '--trust', 'trust.pem')).status).toBe(0);
    const { status, out } = await run('trust.pem', '--target', 'ota-connect');
    expect(status).toBe(3);
    expect(out).toContain('root-purpose-server');
  });
});

describe('fleetca check explain', () => {
  it('prints the section of a code: what it means, and what to do', async () => {
    const { status, out } = await run('explain', 'crl-expired', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(out)).toEqual({
      code: 'crl-expired',
      meaning: expect.stringContaining('at a reload and never else'),
      todo: MEANINGS['crl-expired'].todo,
      address: 'docs/check.md#crl-expired',
    });
    expect((await run('explain', 'leaf-expired')).out).toContain('What to do\nRenew it');
  });

  it('lists the codes, and exits with 2 for none of them', async () => {
    expect((await run('explain')).out.trim().split('\n')).toEqual(CHECK_CODES);
    expect((await run('explain', 'no-such')).status).toBe(2);
  });
});

describe('fleetca check fleet', () => {
  let service: Service;
  beforeAll(async () => {
    service = await startService();
  });
  afterAll(() => stopSound(service));

  it('looks at a fleet of the service as a whole, with bundles of its devices', async () => {
    const fleet = await makeFleet(service, 'cars');
    const issued = await requestCertificate(service, fleet, { body: makeDevice('device-1').csr });
    expect(issued.status).toBe(201);
    const { status, out, err } = await runFleetca(
      { cwd: folder, env: { FLEETCA_TOKEN: fleet.tokens.auditor } },
      ...['check', 'fleet', 'cars', '--json', '--url', service.apiUrl, '--ca-file', String(service.caFile)],
    );
    expect(status, err).toBe(0);
    const report = JSON.parse(out);
    expect(report.outcome).toMatchObject({ authorities: '2 looked at, of 2', bundles: '1 looked at' });
  });
});
