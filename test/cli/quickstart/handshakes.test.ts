import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { callGateway } from '../../../src/cli/quickstart/call-gateway.ts';
import { checkHandshakes } from '../../../src/cli/quickstart/check-handshakes.ts';
import { type DemoGateway, startDemoGateway } from '../../../src/cli/quickstart/demo-gateway.ts';
import { makeGatewayRootPem } from '../../../src/cli/quickstart/gateway-root.ts';
import { systemRandom } from '../../../src/random.ts';
import { encodeCertificatePem } from '../../../src/x509/index.ts';
import { makeKey } from '../../support/csr.ts';
import { hierarchy } from '../../support/hierarchy.ts';
import { memoryKeystore } from '../../support/memory-keystore.ts';

const { signal } = new AbortController();
const random = systemRandom;
let folder: string;
let gateway: DemoGateway;
let rootPem: string;
let open: (fleetRoot: string) => Promise<DemoGateway>;
let write: (deviceId: string, chain: string, key: string) => Promise<void>;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'fleetca-gateway-'));
  const { authority, device } = hierarchy(new Date());
  const top = await authority('ota-connect', 'fleet-root', 'demo');
  const issuing = await authority('ota-connect', 'issuing', 'demo line', 'ec-p256', top);
  const fleetRoot = encodeCertificatePem(top.certificate.der);
  const root = { signer: await memoryKeystore().generate('gateway', 'ec-p256'), keyFile: '' };
  rootPem = await makeGatewayRootPem(root, random, new Date());
  open = (trusted) =>
    startDemoGateway({ root, rootPem, fleetRoot: trusted, url: 'https://localhost:0', random });
  write = async (deviceId, chain, key) => {
    const own = join(folder, 'devices', deviceId);
    await mkdir(own, { recursive: true });
    const url = 'https://localhost:9443';
    const files = { 'client.pem': chain, 'pkey.pem': key, 'root.crt': rootPem, 'gateway.url': url };
    for (const [name, text] of Object.entries(files)) await writeFile(join(own, name), text);
  };
  for (const [deviceId, kind] of [
    ['dev-1', 'P-256'],
    ['dev-2', 'rsa-2048'],
  ] as const) {
    const key = makeKey(kind);
    const leaf = encodeCertificatePem(await device(issuing, deviceId, key, 'ota-connect'));
    await write(deviceId, leaf + encodeCertificatePem(issuing.certificate.der), key.pkcs8Pem);
  }
  await writeFile(join(folder, 'fleet-root.pem'), fleetRoot);
  gateway = await open(fleetRoot);
});
afterAll(async () => {
  await gateway.close();
  await rm(folder, { recursive: true, force: true });
});

describe('the handshakes with the demo gateway', () => {
  it('let devices in and impostors out, over TLS 1.2 and 1.3', async () => {
    expect(await checkHandshakes(gateway, folder, ['dev-1', 'dev-2'], signal)).toEqual({
      devices: 2,
      calls: 4,
      letIn: 4,
      boots: 2,
      online: 2,
      impostorCalls: 6,
      impostorsRefused: 6,
      faults: [],
    });
  });

  it('show a device that the gateway does not know', async () => {
    const { authority, device } = hierarchy(new Date());
    const other = await authority('ota-connect', 'fleet-root', 'demo');
    const key = makeKey();
    const leaf = await device(other, 'dev-3', key, 'ota-connect');
    await write('dev-3', encodeCertificatePem(leaf), key.pkcs8Pem);
    const { letIn, online, faults } = await checkHandshakes(gateway, folder, ['dev-1', 'dev-3'], signal);
    expect([letIn, online]).toEqual([2, 1]);
    expect(faults).toHaveLength(3);
    expect(faults[0]).toMatch(/^dev-3: the gateway did not let it in/);
  });

  it('do not count a gateway that is away as one that refuses', async () => {
    const away = await open(rootPem);
    await away.close();
    const { letIn, online, impostorsRefused } = await checkHandshakes(away, folder, ['dev-1'], signal);
    expect([letIn, online, impostorsRefused]).toEqual([0, 0, 0]);
  });

  it('fail where the gateway is not the one that root.crt vouches for', async () => {
    const root = { signer: await memoryKeystore().generate('other', 'ec-p256'), keyFile: '' };
    const gatewayRoot = await makeGatewayRootPem(root, random, new Date());
    await expect(callGateway(gateway.url, 'TLSv1.3', { gatewayRoot })).rejects.toThrow();
  });

  it('take another port where the one in the bundles is taken', async () => {
    const root = { signer: await memoryKeystore().generate('second', 'ec-p256'), keyFile: '' };
    const pem = await makeGatewayRootPem(root, random, new Date());
    const second = await startDemoGateway({
      root,
      rootPem: pem,
      fleetRoot: rootPem,
      url: gateway.url,
      random,
    });
    expect(second.url).not.toBe(gateway.url);
    await second.close();
  });
});
