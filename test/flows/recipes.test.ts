/** The commands of the pages for people, run as they stand; ports and hosts alone are those of the test. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { LAYOUT_NAMES } from '../../src/bundle/index.ts';
import { TARGETS } from '../../src/policy/index.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { makeAuthority, makeFleet, type TestFleet } from '../support/fleet.ts';
import { makeGatewayIdentity, startOpensslGateway } from '../support/openssl-gateway.ts';
import { blocksOf, paste, readPage, workFolder } from '../support/paste-page.ts';
import { type Service, scratchFolder, startService, stopSound } from '../support/service.ts';
import { startSshd } from '../support/sshd.ts';

const identity = makeGatewayIdentity();

let service: Service;
let line: TestFleet;
let demo: TestFleet;

beforeAll(async () => {
  service = await startService();
  line = await makeFleet(service, 'line');
  demo = await makeFleet(service, 'demo', { gatewayRoot: identity.root });
  await makeAuthority(service, 'line', line.tokens.security, { name: 'registration', kind: 'registration' });
});

afterAll(() => stopSound(service));

const hasTokens = !['softhsm2-util', 'pkcs11-tool', 'pkcs11.so'].some(isLeftOut);

it.skipIf(!hasTokens)('every command of docs/bundles.md works as it stands, in order', async () => {
  const place = workFolder(line.tokens.station);
  writeFileSync(join(place.cwd, 'admin-token'), service.admin, { mode: 0o600 });
  writeFileSync(join(place.cwd, 'security-token'), line.tokens.security, { mode: 0o600 });
  const out = await paste(blocksOf('bundles.md'), { service, ...place });
  expect(out).toContain('VIN-0005: gateway.example.com');
  expect(out).toContain('VIN-0001.cert.pem: OK');
});

it('every command of docs/metrics.md works as it stands, for the admin', async () => {
  const out = await paste(blocksOf('metrics.md'), {
    service,
    ...workFolder(service.admin),
    instead: { 'https://127.0.0.1:8443': service.apiUrl },
  });
  expect(out).toMatch(
    /^fleetca_authority_not_after_timestamp_seconds\{fleet="demo",.*state="active"\} \d+$/m,
  );
  expect(out).not.toMatch(/fca_|whsec_|PRIVATE/);
});

it('docs/bundles.md has a recipe for each layout, and says which is for each target', () => {
  const page = readPage('bundles.md');
  for (const layout of LAYOUT_NAMES)
    expect(page, layout).toMatch(new RegExp(`^### ${layout}\n[^]*?\`\`\`sh\n`, 'm'));
  for (const target of TARGETS) expect(page, target).toMatch(new RegExp(`^\\| \`${target}\` \\|`, 'm'));
});

it.skipIf(!hasTokens)('every command of docs/token-keys.md works as it stands, to a gateway', async () => {
  const bundle = (await service.call('GET', '/pki/line/trust-bundle.pem')).text();
  const gateway = await startOpensslGateway(bundle);
  try {
    const place = workFolder(line.tokens.station);
    writeFileSync(join(place.cwd, 'root.crt'), gateway.root);
    const instead = { 'gateway.example.com:8000': `localhost:${gateway.port}` };
    const out = await paste(blocksOf('token-keys.md'), { service, ...place, instead });
    expect(out.trim().split('\n').at(-1)).toMatch(/^HTTP\/1\.0 200/);
  } finally {
    gateway.close();
  }
});

it('every command of docs/registration.md works as it stands, in the data folder', async () => {
  const security = join(scratchFolder(), 'token');
  writeFileSync(security, demo.tokens.security, { mode: 0o600 });
  const out = await paste(blocksOf('registration.md'), {
    service,
    cwd: service.data,
    env: { FLEETCA_TOKEN_FILE: security },
    instead: {
      'https://127.0.0.1:9443': String(service.mutualUrl),
      'https://127.0.0.1:8443': service.apiUrl,
    },
  });
  expect(out).toContain('subject=CN = VIN-0001');
  expect(out).toContain('"client.chained"');
});

describe.skipIf(isLeftOut('sshd'))('docs/cert-provider.md', () => {
  it('every command works as it stands, onto a device and to a gateway', async () => {
    const cwd = scratchFolder();
    const device = await startSshd(cwd);
    const { port } = await closed(await startOpensslGateway(identity.root));
    try {
      // The device is this machine: what goes to /var/sota there must not go to it here.
      const there = join(cwd, 'device');
      mkdirSync(there);
      device.configure(
        'Host device',
        'HostName 127.0.0.1',
        `Port ${device.port}`,
        `HostKeyAlias [127.0.0.1]:${device.port}`,
      );
      const instead = {
        '-t root@device -d /var/sota\n': `-t ${userInfo().username}@device -d ${there}/var/sota\n`,
        '-t root@device': `-t ${userInfo().username}@device -d ${there}/var/sota/import`,
        'https://localhost:8000': `https://localhost:${port}`,
        '-accept 8000': `-accept ${port}`,
      };
      const place = { service, cwd, programs: device.programs, instead };
      const blocks = blocksOf('cert-provider.md');
      const out = await paste(blocks.slice(0, -1), place);
      expect(out).toMatch(/-Verify/);
      expect(out).toContain('refused: 56');
      await makeShared(cwd);
      expect(await paste(blocks.slice(-1), place)).toContain('the server of the credentials');
    } finally {
      await device.stop();
    }
  });

  /** A port that was free a moment ago. */
  async function closed(gateway: { readonly port: number; close(): void }) {
    gateway.close();
    return gateway;
  }

  /** What the last of its commands needs: the credentials.zip of a server that registers devices. */
  async function makeShared(cwd: string): Promise<void> {
    const wish = { name: 'images', maxDevices: 5, validityDays: 30 };
    const path = '/v1/fleets/line/registration-credentials';
    const made = await service.call('POST', path, { token: line.tokens.security, json: wish });
    writeFileSync(join(cwd, 'registration.p12'), made.body, { mode: 0o600 });
    const build = `fleetca credentials build --fleet line --gateway-url ${service.mutualUrl} \\
      --registration-p12 registration.p12 --out credentials.zip`;
    await paste([build], { service, cwd, env: { FLEETCA_TOKEN: line.tokens.security } });
  }
});
