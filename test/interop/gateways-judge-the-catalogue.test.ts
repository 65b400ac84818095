/**
 * The catalogue of bundles at gateways that run: ours, Debian's nginx and HAProxy, each on what fleetca wrote
 * for it, all that the cases trust in one process. Whom the check lets in comes in, and nobody else.
 * What `openssl s_server` does is in openssl-judges-the-catalogue.test.ts.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { type Gateway, type GatewayKind, parseTrust, startGateway } from '../../src/gateway/index.ts';
import { type Chain, PRESENTED } from '../check/chains.ts';
import { callAsDevice } from '../support/call-as-device.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { makeShop } from '../support/gateway-shop.ts';
import {
  type RealGateway,
  startRealGateway,
  startUpstream,
  type TrustWish,
} from '../support/real-gateways.ts';

/** What the gateways of the cases trust, each once, by a name of its own. */
const TRUSTS = new Map<string, { readonly name: string; readonly wish: TrustWish }>();
for (const { trusted, crls } of PRESENTED) {
  const wish = { trusted, crls: crls === '' ? null : crls };
  if (!TRUSTS.has(trusted + crls)) TRUSTS.set(trusted + crls, { name: `trust-${TRUSTS.size}`, wish });
}
const nameOf = ({ trusted, crls }: Chain): string => TRUSTS.get(trusted + crls)?.name ?? '';
const WISHES = Object.fromEntries([...TRUSTS.values()].map(({ name, wish }) => [name, wish]));

const { serverRoot, server } = makeShop();
const KINDS = (['nginx', 'haproxy'] as const).filter((kind) => !isLeftOut(kind));
const ours: Record<string, Gateway> = {};
const real: Partial<Record<GatewayKind, RealGateway>> = {};
let upstream: Awaited<ReturnType<typeof startUpstream>>;

beforeAll(async () => {
  upstream = await startUpstream();
  const identity = { key: server.key.pkcs8Pem, certificate: server.pem };
  for (const [name, wish] of Object.entries(WISHES)) {
    const trust = parseTrust(wish);
    ours[name] = await startGateway({ host: '127.0.0.1', port: 0, identity, trust, clock: systemClock });
  }
  for (const kind of KINDS) real[kind] = await startRealGateway(kind, WISHES, server, upstream.url);
});
afterAll(async () => {
  for (const gateway of Object.values(ours)) await gateway.close();
  for (const gateway of Object.values(real)) await gateway.stop();
  upstream?.close();
});

/** The status of the answer; `no answer` where the handshake was refused. */
const call = (port: number, { presented, parts }: Chain, version: 'TLSv1.2' | 'TLSv1.3') =>
  callAsDevice(
    port,
    {
      chain: presented.join(''),
      key: String(parts.key?.key?.object?.export({ type: 'pkcs8', format: 'pem' })),
      root: serverRoot.pem,
    },
    // Node's client does not load a chain signed with SHA-1 by itself.
    { path: '/director/1.root.json', version, ciphers: 'DEFAULT@SECLEVEL=0' },
  ).then(
    ({ status }) => status,
    () => 'no answer' as const,
  );

/** How each says yes, no, and what our configurations say to who has no ID, which no client calls with by itself. */
const ANSWERS = {
  ours: { yes: 404, no: 400, nameless: 404 },
  nginx: { yes: 200, no: 400, nameless: 400 },
  haproxy: { yes: 200, no: 'no answer', nameless: 400 },
} as const;

describe.each(['ours', ...KINDS] as const)('the gateway: %s', (kind) => {
  const portOf = (name: string): number =>
    (kind === 'ours' ? ours[name]?.port : real[kind]?.ports[name]) ?? 0;

  it.each(PRESENTED.map((one, i) => [one.title, one, i] as const))(
    'lets in whom the check says it will, and no other: %s',
    async (_, one, i) => {
      const version = i % 2 === 0 ? 'TLSv1.3' : 'TLSv1.2';
      const { yes, no, nameless } = ANSWERS[kind];
      const isNameless = one.codes.includes('id-missing');
      const enters = isNameless ? nameless : yes;
      const due = one.errors.length > 0 ? no : enters;
      expect(await call(portOf(nameOf(one)), one, version)).toBe(due);
    },
  );
});

it('a good part of the catalogue is put to them', () => {
  expect(PRESENTED.length).toBeGreaterThan(60);
});
