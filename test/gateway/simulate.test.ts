import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import {
  type DeviceFiles,
  FIRST_BOOT,
  type Gateway,
  parseTrust,
  simulate,
  startGateway,
} from '../../src/gateway/index.ts';
import { type Made, makeShop } from '../support/gateway-shop.ts';

const shop = makeShop();
let gateway: Gateway;

const filesOf = (name: string, leaf: Made, ...above: readonly Made[]): DeviceFiles => ({
  name,
  chain: [leaf, ...above].map(({ pem }) => pem).join(''),
  key: leaf.key.pkcs8Pem,
  root: shop.serverRoot.pem,
  url: `https://localhost:${gateway.port}`,
});
const good = (name: string): DeviceFiles => filesOf(name, shop.device(name), shop.line);

const run = (devices: readonly DeviceFiles[], signal: AbortSignal = new AbortController().signal) =>
  simulate({ devices, staggerMs: 0, atATime: 4, signal });

beforeAll(async () => {
  gateway = await startGateway({
    host: '127.0.0.1',
    port: 0,
    identity: { key: shop.server.key.pkcs8Pem, certificate: shop.server.pem },
    trust: parseTrust({ trusted: shop.root.pem, crls: null }),
    clock: systemClock,
  });
});
afterAll(() => gateway.close());

describe('a simulated fleet', () => {
  it('section 9, first boot: with the requests of the client, a connection each', async () => {
    const result = await run([good('a'), good('b'), good('c')]);
    expect(result).toMatchObject({ devices: 3, online: 3, requests: 21, handshakes: 21, failures: [] });
    expect(result.handshakesPerSecond).toBeGreaterThan(0);
    const seen = gateway.roll.devices();
    expect(seen.map(({ deviceId }) => deviceId).sort()).toEqual(['a', 'b', 'c']);
    for (const { routes } of seen) expect(routes).toEqual(FIRST_BOOT);
  });

  it('section 9, three tries: those that are refused are counted by reason, each tried three times', async () => {
    const result = await run([
      good('d'),
      filesOf('leaf alone', shop.device('e')),
      filesOf('leaf alone too', shop.device('f')),
      filesOf('expired', shop.device('g', { fromDays: -9, toDays: -1 }), shop.line),
    ]);
    expect(result).toMatchObject({ devices: 4, online: 1, requests: 7 + 9, handshakes: 7 + 9 });
    expect(result.failures.map(({ devices }) => devices)).toEqual([2, 1]);
    expect(result.failures[0]?.failure).toMatch(/^400 The SSL certificate error: .*UNABLE_TO_VERIFY_LEAF/);
    expect(result.failures[1]?.failure).toContain('CERT_HAS_EXPIRED');
  });

  it('tells what a device makes of another root, of a key that is not its own, and of a slash too many', async () => {
    const { failures } = await run([
      { ...good('h'), root: shop.root.pem },
      { ...good('i'), key: shop.device('x').key.pkcs8Pem },
      { ...good('j'), url: `https://localhost:${gateway.port}//` },
    ]);
    const words = failures.map(({ failure }) => failure).join('\n');
    expect(words).toContain('UNABLE_TO_VERIFY_LEAF_SIGNATURE');
    expect(words).toContain('KEY_VALUES_MISMATCH');
    expect(words).toContain('404');
  });

  it('ends when it is told to, and counts what had begun', async () => {
    const aborted = AbortSignal.abort(new Error('stopped'));
    expect(await run([good('k')], aborted)).toMatchObject({ devices: 0, online: 0 });
  });
});
