import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  type GatewayRoot,
  makeGatewayRootPem,
  openGatewayRoot,
  verifyIsDemoRoot,
} from '../../../src/cli/quickstart/gateway-root.ts';
import { loadConfig } from '../../../src/config/index.ts';
import { systemRandom } from '../../../src/random.ts';
import { memoryKeystore } from '../../support/memory-keystore.ts';

let data: string;
let root: GatewayRoot;

beforeAll(async () => {
  data = await mkdtemp(join(tmpdir(), 'fleetca-root-'));
  root = await openGatewayRoot(loadConfig({ flags: { data }, env: {} }), systemRandom);
});
afterAll(() => rm(data, { recursive: true, force: true }));

describe("the demo gateway's server root", () => {
  it('has its key among the others, encrypted, and the next run opens the same', async () => {
    expect(await readFile(root.keyFile, 'utf8')).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY-----\n/);
    expect((await stat(root.keyFile)).mode & 0o777).toBe(0o600);
    const again = await openGatewayRoot(loadConfig({ flags: { data }, env: {} }), systemRandom);
    expect(Buffer.compare(again.signer.publicKey, root.signer.publicKey)).toBe(0);
  });

  it('is known again by its key, and a fleet with another one is left alone', async () => {
    const own = await makeGatewayRootPem(root, systemRandom, new Date());
    expect(verifyIsDemoRoot(root, 'demo', own)).toBe(own);
    const stranger = { signer: await memoryKeystore().generate('other', 'ec-p256'), keyFile: '' };
    const foreign = await makeGatewayRootPem(stranger, systemRandom, new Date());
    for (const given of [foreign, null]) {
      expect(() => verifyIsDemoRoot(root, 'demo', given)).toThrow(
        expect.objectContaining({ code: 'already-exists' }),
      );
    }
  });
});
