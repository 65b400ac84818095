/** A key that others may have: what is cut off, who issues in its place, and how devices get away from it. */
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { callAsDevice } from '../support/call-as-device.ts';
import { callPlain } from '../support/client.ts';
import { makeCsr, makeKey, type TestKey } from '../support/csr.ts';
import {
  anyRoot,
  makeDevice,
  makeFleet,
  requestCertificate,
  rowOf,
  type TestFleet,
} from '../support/fleet.ts';
import { type Ran, runFleetca } from '../support/run-fleetca.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

const work = scratchFolder();
const at = (name: string): string => join(work, name);
let service: Service;
let fleet: TestFleet;

interface Device {
  readonly key: TestKey;
  readonly chain: string;
}
const devices: Device[] = [];

const rotate = (verb: string, authority: string, ...more: readonly string[]): Promise<Ran> =>
  runFleetca(
    {
      cwd: work,
      env: { FLEETCA_URL: service.apiUrl, FLEETCA_TOKEN_FILE: at('security'), FLEETCA_DATA: service.data },
    },
    ...['rotate', verb, authority, '--fleet', 'demo', ...more],
  );

async function must(...args: Parameters<typeof rotate>): Promise<string> {
  const { status, out, err } = await rotate(...args);
  if (status !== 0) throw new Error(`rotate ${args.join(' ')}: ${status}\n${err}`);
  return `${out}${err}`;
}

/** A step over REST: the command is shown by those that a compromise is about. */
async function step(authority: string, path: string, json: Record<string, unknown> = {}): Promise<number> {
  const target = `/v1/fleets/demo/authorities/${authority}/generations${path}`;
  return (await service.call('POST', target, { token: fleet.tokens.security, json })).status;
}

async function issue(deviceId: string): Promise<Device> {
  const key = makeKey();
  const answer = await requestCertificate(service, fleet, { body: makeCsr({ deviceId, key }) });
  if (answer.status !== 201) throw new Error(answer.text());
  return { key, chain: answer.json().chain };
}

/** A device renews with what it has, as soon as it likes. */
async function renew(deviceId: string, { key, chain }: Device): Promise<{ status: number; text: string }> {
  const credentials = {
    chain,
    key: key.pkcs8Pem,
    root: anyRoot(service),
  };
  return callAsDevice(Number(new URL(String(service.mutualUrl)).port), credentials, {
    method: 'POST',
    path: '/v1/fleets/demo/certificates/renew',
    headers: { 'Content-Type': 'application/pkcs10' },
    body: Buffer.from(makeCsr({ deviceId })),
  });
}

const published = async (name: string): Promise<string> => {
  const text = (await callPlain(String(service.publicUrl), 'GET', `/pki/demo/${name}`)).text();
  writeFileSync(at(name.replaceAll('/', '-')), text);
  return text;
};

/** What OpenSSL says of a device at a gateway that has what is published now. */
async function verdict(chain: string): Promise<string> {
  await published('trust-bundle.pem');
  await published('crls.pem');
  writeFileSync(at('leaf.pem'), chain);
  const files = ['-CAfile', at('trust-bundle.pem'), '-CRLfile', at('crls.pem'), '-untrusted', at('leaf.pem')];
  const { stdout, stderr } = spawnSync(
    'openssl',
    ['verify', '-crl_check_all', '-purpose', 'sslclient', ...files, at('leaf.pem')],
    { encoding: 'utf8' },
  );
  return `${stdout}${stderr}`;
}

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo');
  writeFileSync(at('security'), fleet.tokens.security, { mode: 0o600 });
  for (const id of ['a', 'b', 'c']) devices.push(await issue(id));
});
afterAll(() => stopSound(service));

const LINE_1 = ['line-7', '--generation', '1'] as const;
const WHY = ['--reason', 'the signing host was broken into'] as const;

it('a preview says how many devices hang on it, and changes nothing', async () => {
  const said = await must('compromise', ...LINE_1, '--preview');
  expect(said).toContain('line-7, generation 1 is active. Without it 3 devices have nothing to go on with');
  const few = await rotate('compromise', ...LINE_1, ...WHY, '--cuts-off', '2');
  expect([few.status, few.err]).toEqual([5, expect.stringContaining('has 3 devices')]);
  expect((await rotate('compromise', ...LINE_1)).status).toBe(2);
  expect(await must('status', 'line-7')).toMatch(/^1 +active +yes/m);
});

it('it stops in the middle of a lot, and what is published takes over: every row is issued', async () => {
  expect([await step('line-7', ''), await step('line-7', '/2/publish')]).toEqual([201, 200]);
  const rows = Array.from({ length: 1_500 }, (_, i) => rowOf(makeDevice(`in-lot-${i}`).csr));
  const lot = service.call('POST', '/v1/fleets/demo/batches?authority=line-7', {
    token: fleet.tokens.station,
    type: 'application/x-ndjson',
    body: rows.join(''),
  });
  await must('compromise', ...LINE_1, ...WHY, '--cuts-off', '2000');
  const lines = (await lot)
    .text()
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line));
  expect(lines.at(-1).summary).toMatchObject({ rows: 1_500, issued: 1_500, failed: 0 });
  const status = await must('status', 'line-7');
  expect(status).toMatch(/^1 +compromised +yes .*\n2 +active +yes/m);
  expect(status).toContain('the signing host was broken into (withdrawal after-re-issue, cuts off ');
  for (const { chain } of devices) expect(await verdict(chain)).toContain(': OK');
});

it('its devices renew at once, and the list says who has and who has not', async () => {
  const [a] = devices as [Device];
  const renewed = await renew('a', a);
  expect([renewed.status, renewed.text]).toEqual([201, expect.any(String)]);
  expect(await verdict(JSON.parse(renewed.text).chain)).toContain(': OK');
  const csv = await must('re-issue', ...LINE_1, '--csv');
  expect(csv).toMatch(/^a,device,re-issued,line-7,1,/m);
  expect(csv).toMatch(/^b,device,awaited,line-7,1,[0-9a-f]{64},[0-9a-f]{32},[^,]*,\r$/m);
  const page = await service.call(
    'GET',
    '/v1/fleets/demo/authorities/line-7/generations/1/re-issue?limit=2',
    {
      token: fleet.tokens.auditor,
    },
  );
  expect(page.json().items).toHaveLength(2);
  expect(await must('re-issue', ...LINE_1)).toMatch(/^a +re-issued +device +line-7 +1 /m);
});

it('withdrawn, it is out of the trust bundle and revoked by its root; the others go on, and renew still', async () => {
  const { cutsOff } = JSON.parse(await must('compromise', ...LINE_1, '--preview', '--json'));
  expect(cutsOff).toBeGreaterThanOrEqual(2);
  await must('compromise', ...LINE_1, ...WHY, '--withdraw', 'now', '--cuts-off', String(cutsOff));
  const again = await must('compromise', ...LINE_1, ...WHY, '--withdraw', 'now', '--cuts-off', '0');
  expect(again).toContain('out of the trust bundle');
  const [a, b] = devices as [Device, Device];
  expect(await verdict(a.chain)).toContain('error');
  const renewed = await renew('b', b);
  expect(renewed.status).toBe(201);
  expect(await verdict(JSON.parse(renewed.text).chain)).toContain(': OK');
  const crl = await callPlain(String(service.publicUrl), 'GET', '/pki/demo/crl/root/1.crl');
  writeFileSync(at('root.crl'), crl.body);
  const { stdout } = spawnSync(
    'openssl',
    ['crl', '-inform', 'DER', '-in', at('root.crl'), '-noout', '-text'],
    {
      encoding: 'utf8',
    },
  );
  expect(stdout).toContain('CA Compromise');
});

it('the only root stays in the bundle, and issues no more, until there is another', async () => {
  const root = ['root', '--generation', '1'] as const;
  const { cutsOff } = JSON.parse(await must('compromise', ...root, '--preview', '--json'));
  const early = await rotate(
    'compromise',
    ...root,
    ...WHY,
    '--withdraw',
    'now',
    '--cuts-off',
    String(cutsOff),
  );
  expect([early.status, early.err]).toEqual([5, expect.stringContaining('is the only root')]);
  await must('compromise', ...root, ...WHY, '--cuts-off', String(cutsOff));
  expect(await step('line-7', '')).toBe(409);
  expect(await published('trust-bundle.pem')).toContain('BEGIN CERTIFICATE');
  const force = { reason: 'the root before is compromised' };
  expect([
    ...[
      await step('root', ''),
      await step('root', '/2/publish'),
      await step('root', '/2/activate', { force }),
    ],
    ...[await step('line-7', ''), await step('line-7', '/3/publish')],
  ]).toEqual([201, 200, 200, 201, 200]);
  await must('compromise', ...root, ...WHY, '--withdraw', 'now', '--cuts-off', String(cutsOff));
  const status = await must('status', 'line-7');
  expect(status).toMatch(/^2 +compromised +no .*\n3 +active +yes/m);
  const fresh = await issue('fresh');
  expect(await verdict(fresh.chain)).toContain(': OK');
});
