/** Simulated devices that renew at the service, while the gateway's server root is exchanged under them. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { simulateFleet } from '../../src/cli/commands/simulate.ts';
import type { Output } from '../../src/cli/output.ts';
import { callAsDevice } from '../support/call-as-device.ts';
import { makeCsr, makeKey } from '../support/csr.ts';
import { makeFleet, requestCertificate, type TestFleet } from '../support/fleet.ts';
import { type RunningGateway, runGateway } from '../support/run-gateway.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';

const bundles = scratchFolder();
const NAMES = ['sim-1', 'sim-2', 'sim-3', 'sim-4'] as const;
const REVOKED = 'sim-4';
/** With the day before the issue a life of 30 hours: the last third is the window. */
const IN_WINDOW_MS = 6 * 3_600_000;

let service: Service;
let fleet: TestFleet;
let gateway: RunningGateway;

/** A gateway with a server root of its own; each in its own folder. */
const startGateway = (port = 0): Promise<RunningGateway> =>
  runGateway(scratchFolder(), [
    ...['--fleet', 'demo', '--url', service.apiUrl, '--ca-file', String(service.caFile)],
    ...['--port', String(port)],
  ]);

const read = (name: string, file: string): string => readFileSync(join(bundles, name, file), 'utf8');

function writeToAll(file: string, text: string): void {
  for (const name of NAMES) writeFileSync(join(bundles, name, file), text);
}

async function makeBundle(deviceId: string, wish: Record<string, unknown>): Promise<void> {
  const key = makeKey();
  const csr = Buffer.from(makeCsr({ deviceId, key })).toString('base64');
  const answer = await requestCertificate(service, fleet, {
    json: { csr, ...wish },
    token: fleet.tokens.security,
  });
  if (answer.status !== 201) throw new Error(answer.text());
  mkdirSync(join(bundles, deviceId));
  writeFileSync(join(bundles, deviceId, 'client.pem'), answer.json().chain);
  writeFileSync(join(bundles, deviceId, 'pkey.pem'), key.pkcs8Pem, { mode: 0o600 });
}

beforeAll(async () => {
  service = await startService();
  fleet = await makeFleet(service, 'demo');
  const notAfter = new Date(Date.now() + IN_WINDOW_MS).toISOString();
  for (const name of NAMES) await makeBundle(name, name === 'sim-3' ? {} : { notAfter });
  const revoked = await service.call('POST', `/v1/fleets/demo/devices/${REVOKED}/revoke`, {
    token: fleet.tokens.security,
    json: { reason: 'keyCompromise' },
  });
  if (revoked.status !== 200) throw new Error(revoked.text());
  gateway = await startGateway();
  writeToAll('root.crt', gateway.root);
  writeToAll('gateway.url', `https://localhost:${gateway.port}`);
  // The CRL comes within seconds.
  const files = { chain: read(REVOKED, 'client.pem'), key: read(REVOKED, 'pkey.pem'), root: gateway.root };
  while ((await callAsDevice(gateway.port, files, {})).status === 200) await gateway.next('trust-changed');
});

afterAll(async () => {
  await gateway?.stop();
  await stopSound(service);
});

it('those in their window renew and go on, a revoked one does not, and another root.crt refuses none', async () => {
  const keys = NAMES.map((name) => read(name, 'pkey.pem'));
  const roots: string[] = [];
  const rounds: Record<string, unknown>[] = [];
  // The next round begins when the line of the one before is taken: between the two the gateway is exchanged.
  const output: Output = {
    json: true,
    interactive: false,
    stdoutIsTerminal: false,
    data: async (line) => {
      rounds.push(JSON.parse(String(line)));
      roots.push(gateway.root);
      if (rounds.length > 1) return;
      const { port } = gateway;
      await gateway.stop();
      gateway = await startGateway(port);
      writeToAll('root.crt', gateway.root);
    },
    say: () => undefined,
  };
  const status = await simulateFleet(
    { globals: {}, output },
    {
      ...{ bundles, staggerMs: 0, atATime: 2, rounds: 2, every: 0 },
      ...{ renewAt: String(service.mutualUrl), renewCa: String(service.caFile), fleet: 'demo' },
    },
  );
  expect(status).toBe(1);
  expect(roots[0]).not.toBe(roots[1]);
  const each = {
    devices: 4,
    online: 3,
    failures: [{ devices: 1, failure: expect.stringContaining('CERT_REVOKED') }],
    renewalsRefused: [{ devices: 1, reason: 'unauthenticated' }],
  };
  expect(rounds).toMatchObject([
    { round: 1, ...each, renewals: 2, rereads: 2 },
    // What was renewed has a whole life before it; every device has the new root, the refused one too.
    { round: 2, ...each, renewals: 0, rereads: 4 },
  ]);
  const changed = NAMES.filter((name, i) => read(name, 'pkey.pem') !== keys[i]);
  expect(changed).toEqual(['sim-1', 'sim-2']);
  // The gateway of the second round has never seen the certificates of before.
  const online = (await gateway.devices()).filter(({ state }) => state === 'online');
  expect(online.map(({ deviceId }) => deviceId).sort()).toEqual(['sim-1', 'sim-2', 'sim-3']);
  for (const name of ['sim-1', 'sim-2']) {
    const history = await service.call('GET', `/v1/fleets/demo/devices/${name}`, {
      token: fleet.tokens.auditor,
    });
    const marks = history.json().certificates.map((one: { status: string }) => one.status);
    expect(marks).toEqual(['active', 'superseded']);
  }
});

it('half of what a renewal needs is refused before anything is done', async () => {
  const output = { json: true, interactive: false, stdoutIsTerminal: false } as const;
  const run = simulateFleet(
    { globals: {}, output: { ...output, data: async () => undefined, say: () => undefined } },
    { bundles, staggerMs: 0, atATime: 2, rounds: 1, every: 0, renewAt: String(service.mutualUrl) },
  );
  await expect(run).rejects.toMatchObject({ code: 'usage' });
});
