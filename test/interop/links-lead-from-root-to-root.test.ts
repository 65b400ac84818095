/**
 * Two roots of a fleet, and who holds which of them: OpenSSL, nginx and GnuTLS let in devices of either where a link
 * leads to what they hold, and nobody else.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { certificatesAbove, liveLinks, type Move, makeLinks, stageGeneration } from '../../src/ca/index.ts';
import { encodeCertificatePem } from '../../src/x509/index.ts';
import { callAsDevice } from '../support/call-as-device.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { makeKey, type TestKey } from '../support/csr.ts';
import { freePort, listening } from '../support/free-port.ts';
import { type Made, makeCertificate, makeShop } from '../support/gateway-shop.ts';
import { issueTo } from '../support/issue-to.ts';
import { memoryCa } from '../support/memory-ca.ts';
import { type OpensslGateway, startOpensslGateway } from '../support/openssl-gateway.ts';
import { type RealGateway, startRealGateway, startUpstream } from '../support/real-gateways.ts';
import { scratchFolder } from '../support/service.ts';

interface Device {
  readonly key: TestKey;
  /** The leaf, and what it sends after it, PEM each. */
  readonly sent: readonly string[];
}

/** A fleet that went from one root to the next, as it is while the first one drains. */
async function makeFleet() {
  const world = memoryCa({ now: new Date().toISOString() });
  const { ca } = world;
  const fleet = await world.fleet('demo');
  await world.root(fleet);
  await world.issuing(fleet, 'line-7');
  const same = { keyAlgorithm: null, profile: null, commonName: null };
  await stageGeneration(ca, world.act(), fleet, 'root', same);
  expect(await makeLinks(ca, world.act(), fleet, 'root', 2)).toEqual([]);
  for (const move of ['publish', 'activate'] satisfies Move[]) {
    const order = { fleetId: fleet.id, authority: 'root', number: 2, move, forced: 'test' };
    await ca.rotation.moveGeneration(world.act(), { ...order, terms: { publishHours: 24 } });
  }
  await world.issuing(fleet, 'line-8');
  const generations = await ca.ledger.listGenerations(fleet.id);
  const device = async (line: string): Promise<Device> => {
    const issuer = generations.find(({ authority }) => authority === line);
    if (!issuer) throw new Error(`there is no ${line}`);
    const key = makeKey();
    const { der } = await issueTo(world, fleet, issuer, `of-${line}`, key);
    return { key, sent: [der, ...certificatesAbove(generations, issuer.id)].map(encodeCertificatePem) };
  };
  const roots = generations.filter(({ kind }) => kind === 'root');
  const [first = '', second = ''] = roots.map(({ certificate }) => encodeCertificatePem(certificate));
  const [toFirst = '', toSecond = ''] = liveLinks(generations).map(({ certificate }) =>
    encodeCertificatePem(certificate),
  );
  const made = {
    first,
    second,
    toFirst,
    toSecond,
    old: await device('line-7'),
    young: await device('line-8'),
  };
  await world.close();
  return made;
}

const fleet = await makeFleet();
const shop = makeShop();

/** Two roots by hand, of which the first has the path length given; the link lives as long as said. */
function byHand(pathLength: number, toDays: number): { readonly first: Made; readonly device: Device } {
  const first = makeCertificate({ subject: 'hand', issuer: null, ca: true, pathLength, toDays: 3000 });
  const second = makeCertificate({ subject: 'hand G2', issuer: null, ca: true, toDays: 3000 });
  const about = { subject: second.subject, key: second.key };
  const link = makeCertificate({ ...about, issuer: first, ca: true, fromDays: -10, toDays });
  const line = makeCertificate({
    subject: 'hand line',
    issuer: second,
    ca: true,
    pathLength: 0,
    toDays: 300,
  });
  const leaf = makeCertificate({ subject: 'hand-1', issuer: line, purposes: ['clientAuth'] });
  return { first, device: { key: leaf.key, sent: [leaf.pem, line.pem, link.pem] } };
}
const narrow = byHand(1, 300);
const wide = byHand(2, 300);
const over = byHand(2, -1);

const { first, second, toFirst, toSecond } = fleet;
/** What a verifier's file of CAs holds. */
const TRUSTS = {
  'the first root': first,
  'the second root': second,
  'both roots': first + second,
  'the first root and the links': first + toFirst + toSecond,
  'the second root and the links': second + toFirst + toSecond,
  'the links alone': toFirst + toSecond,
  'the root of another fleet': shop.root.pem,
  'a root with room for one below it': narrow.first.pem,
  'a root with room for two below it': wide.first.pem,
  'a root whose link has expired': over.first.pem,
} as const;
type TrustName = keyof typeof TRUSTS;

const bare = ({ key, sent }: Device): Device => ({ key, sent: sent.slice(0, 2) });
const instead = ({ key, sent }: Device, link: string): Device => ({ key, sent: [...sent.slice(0, 2), link] });

const { old, young } = fleet;
const ROWS: readonly (readonly [string, Device, TrustName, boolean])[] = [
  ['an old device', bare(old), 'the first root', true],
  ['an old device', bare(old), 'the second root', false],
  ['an old device with its link', old, 'the second root', true],
  ['an old device with its link', old, 'the first root', true],
  ['an old device with its link', old, 'both roots', true],
  ['an old device', bare(old), 'the second root and the links', true],
  ['an old device with its link', old, 'the root of another fleet', false],
  ['an old device with the link of the other way', instead(old, toSecond), 'the second root', false],
  ['a new device', bare(young), 'the second root', true],
  ['a new device', bare(young), 'the first root', false],
  ['a new device with its link', young, 'the first root', true],
  ['a new device with its link', young, 'the second root', true],
  ['a new device with its link', young, 'both roots', true],
  ['a new device', bare(young), 'the first root and the links', true],
  ['a new device with its link', young, 'the root of another fleet', false],
  ['a new device with the link of the other way', instead(young, toFirst), 'the first root', false],
  ['a device two CAs below', narrow.device, 'a root with room for one below it', false],
  ['a device two CAs below', wide.device, 'a root with room for two below it', true],
  ['a device with an old link', over.device, 'a root whose link has expired', false],
];
/** GnuTLS trusts all that is in its file of CAs; the others want a root. */
const ONLY_LINKS = ['a new device with its link', young, 'the links alone'] as const;

const work = scratchFolder();
let files = 0;
function file(pem: string): string {
  const name = join(work, `${++files}.pem`);
  writeFileSync(name, pem, { mode: 0o600 });
  return name;
}

const ended = ({ status }: { readonly status: number | null }): boolean => status === 0;

it('a device sends its link while a root drains, and the two links are the two ways', () => {
  expect([old.sent.length, young.sent.length]).toEqual([3, 3]);
  expect([old.sent[2], young.sent[2]]).toEqual([toFirst, toSecond]);
});

describe('openssl verify', () => {
  const verifies = ({ sent }: Device, trust: TrustName): boolean =>
    ended(
      spawnSync('openssl', [
        ...['verify', '-x509_strict', '-purpose', 'sslclient', '-CAfile', file(TRUSTS[trust])],
        ...['-untrusted', file(sent.slice(1).join('')), file(sent[0] ?? '')],
      ]),
    );
  it.each(ROWS)('%s, %#: %s', (_, device, trust, due) => expect(verifies(device, trust)).toBe(due));
  it('wants a root', () => expect(verifies(ONLY_LINKS[1], ONLY_LINKS[2])).toBe(false));
});

describe.skipIf(isLeftOut('certtool'))('certtool --verify', () => {
  const verifies = ({ sent }: Device, trust: TrustName): boolean =>
    ended(
      spawnSync('certtool', [
        '--verify',
        ...['--load-ca-certificate', file(TRUSTS[trust]), '--infile', file(sent.join(''))],
      ]),
    );
  it.each(ROWS)('%s, %#: %s', (_, device, trust, due) => expect(verifies(device, trust)).toBe(due));
  it('trusts a link that is in its file of CAs', () =>
    expect(verifies(ONLY_LINKS[1], ONLY_LINKS[2])).toBe(true));
});

/** By a handshake that asks for a page. */
async function getsIn(port: number, { key, sent }: Device, root: string): Promise<boolean> {
  try {
    return (await callAsDevice(port, { chain: sent.join(''), key: key.pkcs8Pem, root })).status !== 400;
  } catch {
    return false;
  }
}

const names = Object.keys(TRUSTS) as TrustName[];

describe.skipIf(isLeftOut('nginx'))('nginx', () => {
  let gateway: RealGateway;
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  beforeAll(async () => {
    upstream = await startUpstream();
    const wishes = Object.fromEntries(names.map((name) => [name, { trusted: TRUSTS[name], crls: null }]));
    gateway = await startRealGateway('nginx', wishes, shop.server, upstream.url);
  });
  afterAll(async () => {
    await gateway?.stop();
    upstream?.close();
  });
  const letsIn = (device: Device, trust: TrustName) =>
    getsIn(gateway.ports[trust] ?? 0, device, shop.serverRoot.pem);
  it.each(ROWS)('%s, %#: %s', async (_, device, trust, due) => expect(await letsIn(device, trust)).toBe(due));
  it('wants a root', async () => expect(await letsIn(ONLY_LINKS[1], ONLY_LINKS[2])).toBe(false));
});

describe('openssl s_server', () => {
  const gateways = new Map<TrustName, OpensslGateway>();
  beforeAll(async () => {
    for (const name of names) gateways.set(name, await startOpensslGateway(TRUSTS[name]));
  });
  afterAll(() => {
    for (const gateway of gateways.values()) gateway.close();
  });
  it.each(ROWS)('%s, %#: %s', async (_, { key, sent }, trust, due) => {
    const own = ['-cert', file(sent[0] ?? ''), '-key', file(key.pkcs8Pem)];
    const credentials = [...own, '-cert_chain', file(sent.slice(1).join(''))];
    expect(await gateways.get(trust)?.letsIn(credentials)).toBe(due);
  });
});

describe.skipIf(isLeftOut('certtool'))('gnutls-serv', () => {
  const servers = new Map<TrustName, { readonly port: number; readonly process: ChildProcess }>();
  beforeAll(async () => {
    const own = ['--x509certfile', file(shop.server.pem), '--x509keyfile', file(shop.server.key.pkcs8Pem)];
    for (const name of names) {
      const port = await freePort();
      const asks = ['--require-client-cert', '--verify-client-cert', '--x509cafile', file(TRUSTS[name])];
      const at = ['--http', '--quiet', '--port', String(port)];
      servers.set(name, {
        port,
        process: spawn('gnutls-serv', [...at, ...own, ...asks], { stdio: 'ignore' }),
      });
    }
    await Promise.all([...servers.values()].map(({ port }) => listening(port)));
  });
  afterAll(() => {
    for (const { process } of servers.values()) process.kill();
  });
  it.each(ROWS)('%s, %#: %s', async (_, device, trust, due) => {
    expect(await getsIn(servers.get(trust)?.port ?? 0, device, shop.serverRoot.pem)).toBe(due);
  });
});
