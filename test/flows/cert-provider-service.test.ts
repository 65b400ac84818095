/** `fleetca cert-provider --fleet`: the key made here, the certificate by the service, the gateway as the fleet has it. */
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { makeAuthority, makeToken } from '../support/fleet.ts';
import { callFromFolder } from '../support/import-folder.ts';
import { type OpensslGateway, startOpensslGateway } from '../support/openssl-gateway.ts';
import { runFleetca } from '../support/run-fleetca.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

const work = scratchFolder();
let service: Service;
let gateway: OpensslGateway;
let token = '';

const run = (...args: readonly string[]) => runWith(undefined, ...args);

/** `programs`: a folder with an ssh of its own. */
const runWith = (programs: string | undefined, ...args: readonly string[]) =>
  runFleetca(
    { cwd: work, env: { FLEETCA_TOKEN: token }, ...(programs === undefined ? {} : { programs }) },
    ...[
      'cert-provider',
      '--url',
      service.apiUrl,
      '--ca-file',
      String(service.caFile),
      '--fleet',
      'demo',
      ...args,
    ],
  );

beforeAll(async () => {
  service = await startService();
  const json = {
    name: 'demo',
    target: 'generic',
    gatewayUrl: 'https://localhost:1',
    gatewayRoot: readFileSync(String(service.caFile), 'latin1'),
  };
  await service.call('POST', '/v1/fleets', { token: service.admin, json });
  const security = await makeToken(service, { name: 'team', role: 'security', fleet: 'demo' });
  token = await makeToken(service, { name: 'line', role: 'station', fleet: 'demo' });
  const root = await makeAuthority(service, 'demo', security, { name: 'root', kind: 'root' });
  await makeAuthority(service, 'demo', security, { name: 'line-7', kind: 'issuing' });
  gateway = await startOpensslGateway(root);
});

afterAll(async () => {
  gateway?.close();
  await stopSound(service);
});

it('a device gets its credentials from the service, and goes online at a gateway that trusts the fleet root alone', async () => {
  const ran = await run(
    '-l',
    'out',
    '-d',
    '/import',
    '-r',
    '-u',
    '--certificate-cn',
    'VIN-1',
    '--certificate-o',
    'x',
    '--json',
  );
  expect([ran.status, ran.err]).toEqual([0, '']);
  expect(JSON.parse(ran.out)).toMatchObject({
    deviceId: 'VIN-1',
    madeBy: 'service',
    warnings: ['--certificate-o: left aside, since whoever signs decides that.'],
  });
  const folder = join(work, 'out/import');
  expect(readFileSync(join(folder, 'gateway.url'), 'latin1')).toBe('https://localhost:1');
  expect(readFileSync(join(folder, 'root.crt'), 'latin1')).toBe(
    readFileSync(String(service.caFile), 'latin1'),
  );
  writeFileSync(join(folder, 'gateway.url'), `https://localhost:${gateway.port}`);
  writeFileSync(join(folder, 'root.crt'), gateway.root);
  expect(await callFromFolder(folder)).toBe('online');
});

it('a second key for the same device is the conflict that the service says it is, and --days its own to judge', async () => {
  expect((await run('-l', 'again', '--certificate-cn', 'VIN-1')).status).toBe(5);
  expect((await run('-l', 'again', '--days', '36500')).status).toBe(3);
  expect((await run('-l', 'again', '--days', '7')).status).toBe(0);
});

it('a key that did not reach its device is kept, and the same command gets it there with the same certificate', async () => {
  const programs = join(work, 'programs');
  mkdirSync(programs);
  // The session is open; then the line is dead.
  writeFileSync(join(programs, 'ssh'), "#!/bin/sh\necho 'fleetca: ready'\n", { mode: 0o755 });
  const wish = ['--certificate-cn', 'VIN-9', '-d', '/import', '-r', '-u'];
  const cut = await runWith(programs, ...wish, '--days', '30', '-t', 'root@device');
  const path = 'fleetca-undelivered/VIN-9.json';
  expect([cut.status, cut.err]).toEqual([
    6,
    expect.stringContaining(`the key is kept in ${path}: give the command again`),
  ]);
  expect(statSync(join(work, path)).mode & 0o777).toBe(0o600);

  const again = await run(...wish, '--days', '30', '-l', 'later', '--json');
  expect([again.status, again.err]).toEqual([0, '']);
  expect(existsSync(join(work, 'fleetca-undelivered'))).toBe(false);
  const { serial, warnings } = JSON.parse(again.out);
  expect(warnings).toEqual(['The key that was kept is used, and asked for as before.']);
  const search = '/v1/fleets/demo/certificates?deviceId=VIN-9';
  const auditor = await makeToken(service, { name: 'audit', role: 'auditor' });
  const { items } = (await service.call('GET', search, { token: auditor })).json();
  expect(items.map((one: { serial: string }) => one.serial)).toEqual([serial]);
  const folder = join(work, 'later/import');
  writeFileSync(join(folder, 'gateway.url'), `https://localhost:${gateway.port}`);
  writeFileSync(join(folder, 'root.crt'), gateway.root);
  expect(await callFromFolder(folder)).toBe('online');
});

it('where no key can be kept a warning has to do, unless a place was named', async () => {
  const from = { cwd: '/proc', env: { FLEETCA_TOKEN: token } };
  const wish = ['--url', service.apiUrl, '--ca-file', String(service.caFile), '--fleet', 'demo'];
  const into = ['--certificate-cn', 'VIN-11', '-l', join(work, 'from-proc')];
  const named = await runFleetca(from, 'cert-provider', ...wish, ...into, '--keep', 'here');
  expect([named.status, named.err]).toEqual([2, expect.stringMatching(/^fleetca: usage: The folder here/)]);
  const ran = await runFleetca(from, 'cert-provider', ...wish, ...into);
  expect([ran.status, ran.err]).toEqual([
    0,
    expect.stringMatching(/^warning: .*the key is lost: give --keep/),
  ]);
});

it('what the service refuses is not kept, and what is kept of another fleet is not taken', async () => {
  expect((await run('-l', 'none', '--certificate-cn', 'VIN-10', '--days', '36500')).status).toBe(3);
  expect(existsSync(join(work, 'fleetca-undelivered'))).toBe(false);
  mkdirSync(join(work, 'mine'));
  const record = { deviceId: 'VIN-10', madeBy: 'service', at: 'another', secret: '{}' };
  writeFileSync(join(work, 'mine/VIN-10.json'), JSON.stringify(record));
  const strange = await run('-l', 'none', '--certificate-cn', 'VIN-10', '--keep', 'mine');
  expect([strange.status, strange.err]).toEqual([2, expect.stringContaining('is not what was kept')]);
  expect(JSON.parse(readFileSync(join(work, 'mine/VIN-10.json'), 'utf8'))).toEqual(record);
});
