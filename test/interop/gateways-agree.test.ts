/**
 * Our gateway, Debian's nginx and HAProxy on what fleetca wrote for them: each row of what gateways do, put to
 * all three. Let in means an answer other than 400: nginx finishes the handshake with whom it refuses.
 */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { OID } from '../../src/asn1/index.ts';
import { systemClock } from '../../src/clock.ts';
import { type Gateway, type GatewayKind, parseTrust, startGateway } from '../../src/gateway/index.ts';
import { encodeName } from '../../src/x509/index.ts';
import { callAsDevice, type DeviceCall } from '../support/call-as-device.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { type Made, makeCertificate, makeShop } from '../support/gateway-shop.ts';
import { makeCrl } from '../support/openssl-crl.ts';
import {
  type RealGateway,
  startRealGateway,
  startUpstream,
  type TrustWish,
} from '../support/real-gateways.ts';

const shop = makeShop();
const { root, line, serverRoot, server } = shop;
const manual = makeCertificate({ subject: 'manual root', issuer: null, ca: true, purposes: ['serverAuth'] });
const noList = makeCertificate({
  subject: 'root without cRLSign',
  issuer: null,
  ca: true,
  purposes: ['serverAuth', 'clientAuth'],
  usages: ['keyCertSign'],
});
const good = shop.device('VIN-0001');
const revoked = shop.device('VIN-0002');

const pem = (...made: readonly Made[]): string => made.map((one) => one.pem).join('');
const rootCrl = makeCrl(root, []);

/** What the gateways trust, by name. */
const TRUSTS = {
  'the root alone': { trusted: pem(root), crls: null },
  'root and intermediate': { trusted: pem(root, line), crls: null },
  'several roots': { trusted: pem(makeShop().root, root), crls: null },
  'the intermediate alone': { trusted: pem(line), crls: null },
  'a root for servers alone': { trusted: pem(manual), crls: null },
  'a CRL for each CA': { trusted: pem(root, line), crls: rootCrl + makeCrl(line, [revoked]) },
  'no CRL of the intermediate': { trusted: pem(root, line), crls: rootCrl },
  'a CRL that has expired': {
    trusted: pem(root, line),
    crls: rootCrl + makeCrl(line, [], { fromDays: -9, toDays: -1 }),
  },
  'a CRL of a root without cRLSign': { trusted: pem(noList), crls: makeCrl(noList, []) },
} as const satisfies Readonly<Record<string, TrustWish>>;
type TrustName = keyof typeof TRUSTS;

const below = makeCertificate({ subject: 'below', issuer: line, ca: true });
const other = makeShop();
const strange = { oid: '1.2.3.4', critical: true, value: Uint8Array.of(5, 0) };

interface Row {
  readonly what: string;
  readonly trusts: TrustName;
  readonly presented: readonly Made[];
  readonly letIn: boolean;
}

const ROWS: readonly Row[] = [
  {
    what: 'section 6, leaf with intermediate: at a gateway that trusts the root alone',
    trusts: 'the root alone',
    presented: [good, line],
    letIn: true,
  },
  {
    what: 'leaf, intermediate and root',
    trusts: 'the root alone',
    presented: [good, line, root],
    letIn: true,
  },
  {
    what: 'section 6, leaf alone: unable to get local issuer',
    trusts: 'the root alone',
    presented: [good],
    letIn: false,
  },
  { what: 'the leaf alone, as of an HSM', trusts: 'root and intermediate', presented: [good], letIn: true },
  {
    what: 'section 6, ssl_client_certificate: several roots may stand in it',
    trusts: 'several roots',
    presented: [good, line],
    letIn: true,
  },
  {
    what: 'section 6, trust in an intermediate alone: unable to get issuer certificate',
    trusts: 'the intermediate alone',
    presented: [good, line],
    letIn: false,
  },
  {
    what: 'a leaf of that root',
    trusts: 'a root for servers alone',
    presented: [shop.device('VIN-0003', { issuer: manual })],
    letIn: false,
  },
  {
    what: 'section 6, ssl_verify_client: nothing presented',
    trusts: 'the root alone',
    presented: [],
    letIn: false,
  },
  {
    what: 'a device of another fleet',
    trusts: 'the root alone',
    presented: [other.device('a'), other.line],
    letIn: false,
  },
  {
    what: 'a self-signed device',
    trusts: 'the root alone',
    presented: [shop.device('a', { issuer: null })],
    letIn: false,
  },
  {
    what: 'an expired device',
    trusts: 'the root alone',
    presented: [shop.device('a', { fromDays: -9, toDays: -1 }), line],
    letIn: false,
  },
  {
    what: 'one not yet valid',
    trusts: 'the root alone',
    presented: [shop.device('a', { fromDays: 2 }), line],
    letIn: false,
  },
  {
    what: 'EKU serverAuth alone',
    trusts: 'the root alone',
    presented: [shop.device('a', { purposes: ['serverAuth'] }), line],
    letIn: false,
  },
  {
    what: 'EKU both',
    trusts: 'the root alone',
    presented: [shop.device('a', { purposes: ['serverAuth', 'clientAuth'] }), line],
    letIn: true,
  },
  {
    what: 'a proof certificate, EKU critical emailProtection',
    trusts: 'the root alone',
    presented: [shop.device('a', { purposes: ['emailProtection'] }), line],
    letIn: false,
  },
  {
    what: 'keyUsage keyEncipherment alone',
    trusts: 'the root alone',
    presented: [shop.device('a', { usages: ['keyEncipherment'] }), line],
    letIn: false,
  },
  {
    what: 'keyUsage keyAgreement alone',
    trusts: 'the root alone',
    presented: [shop.device('a', { usages: ['keyAgreement'] }), line],
    letIn: true,
  },
  {
    what: 'an unknown critical extension',
    trusts: 'the root alone',
    presented: [shop.device('a', { more: [strange] }), line],
    letIn: false,
  },
  {
    what: 'a path that is too long',
    trusts: 'the root alone',
    presented: [shop.device('a', { issuer: below }), below, line],
    letIn: false,
  },
  { what: 'a device that is on none', trusts: 'a CRL for each CA', presented: [good, line], letIn: true },
  {
    what: 'section 6, ssl_crl: a device that is on one',
    trusts: 'a CRL for each CA',
    presented: [revoked, line],
    letIn: false,
  },
  { what: 'a device in order', trusts: 'no CRL of the intermediate', presented: [good, line], letIn: false },
  { what: 'a device in order', trusts: 'a CRL that has expired', presented: [good, line], letIn: false },
  {
    what: 'section 6, a CRL of a root without cRLSign: error 35',
    trusts: 'a CRL of a root without cRLSign',
    presented: [shop.device('VIN-0004', { issuer: noList })],
    letIn: false,
  },
];

const identity = { key: server.key.pkcs8Pem, certificate: server.pem };
const ours: Partial<Record<TrustName, Gateway>> = {};
const real: Partial<Record<GatewayKind, RealGateway>> = {};
let upstream: Awaited<ReturnType<typeof startUpstream>>;
const KINDS = (['nginx', 'haproxy'] as const).filter((kind) => !isLeftOut(kind));

beforeAll(async () => {
  upstream = await startUpstream();
  for (const name of Object.keys(TRUSTS) as TrustName[]) {
    const trust = parseTrust(TRUSTS[name]);
    ours[name] = await startGateway({ host: '127.0.0.1', port: 0, identity, trust, clock: systemClock });
  }
  for (const kind of KINDS) real[kind] = await startRealGateway(kind, TRUSTS, server, upstream.url);
});

afterAll(async () => {
  for (const gateway of Object.values(ours)) await gateway.close();
  for (const gateway of Object.values(real)) await gateway.stop();
  upstream?.close();
});

const portOf = (gateway: 'ours' | GatewayKind, trusts: TrustName): number =>
  (gateway === 'ours' ? ours[trusts]?.port : real[gateway]?.ports[trusts]) ?? 0;

const call = (port: number, presented: readonly Made[], wish: DeviceCall = {}) => {
  const [leaf] = presented;
  const credentials = leaf ? { chain: pem(...presented), key: leaf.key.pkcs8Pem } : {};
  return callAsDevice(
    port,
    { ...credentials, root: serverRoot.pem },
    { path: '/director/1.root.json', ...wish },
  );
};

/** The answer's status; where there is none the handshake was refused. */
const judged = (port: number, presented: readonly Made[], wish: DeviceCall): Promise<number | 'no answer'> =>
  call(port, presented, wish).then(
    ({ status }) => status,
    () => 'no answer' as const,
  );

describe.each(['ours', ...KINDS] as const)('the gateway: %s', (gateway) => {
  it.each(ROWS)('$what (trusts $trusts): $letIn', async ({ trusts, presented, letIn: due }) => {
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const status = await judged(portOf(gateway, trusts), presented, { version });
      const entered = gateway === 'ours' ? status === 404 : status === 200;
      expect([version, status, entered]).toEqual([version, status, due]);
      // HAProxy refuses in the handshake, the others in HTTP.
      if (!due) expect([version, status]).toEqual([version, gateway === 'haproxy' ? 'no answer' : 400]);
    }
  });
});

describe.skipIf(isLeftOut('nginx'))('what nginx says to whom it refuses', () => {
  it.each([
    ['a device of another fleet', [other.device('VIN-0001'), other.line], 'The SSL certificate error'],
    ['nothing', [], 'No required SSL certificate was sent'],
  ])(
    'section 6, 400 and TLS 1.3: the handshake is finished, and HTTP says no: %s',
    async (_what, presented, says) => {
      for (const gateway of ['nginx', 'ours'] as const) {
        const { status, text } = await call(portOf(gateway, 'the root alone'), presented);
        expect([gateway, status, text]).toEqual([gateway, 400, expect.stringContaining(says)]);
      }
    },
  );
});

describe.each(KINDS)('%s, with our configuration,', (kind) => {
  const told = async (device: Made, wish: DeviceCall = {}) => {
    const { text } = await call(portOf(kind, 'the root alone'), [device, line], wish);
    return JSON.parse(text) as { readonly id?: string; readonly namespace?: string; readonly path: string };
  };

  it('section 6, x-ats-namespace: it is default, and no header of a client takes its place', async () => {
    const headers = { 'x-ats-device-uuid': 'VIN-9999', 'x-ats-namespace': 'other' };
    expect(await told(good, { headers })).toEqual({
      path: '/director/1.root.json',
      id: 'VIN-0001',
      namespace: 'default',
    });
  });

  it('answers 404 to what is no path of the gateway', async () => {
    for (const path of ['/other', '/', '/devices']) {
      expect((await call(portOf(kind, 'the root alone'), [good, line], { path })).status).toBe(404);
    }
  });

  const subject = (...attributes: readonly (readonly [string, string])[]): Uint8Array =>
    encodeName(attributes.map(([type, value]) => ({ type, value })));
  const cars = [OID.organizationName, 'Cars'] as const;

  it.each([
    ['the CN alone', 'VIN-5', subject([OID.commonName, 'VIN-5'])],
    ['the CN before the rest', 'VIN-5', subject([OID.commonName, 'VIN-5'], cars)],
    ['C, O, CN', 'VIN-5', subject([OID.countryName, 'DE'], cars, [OID.commonName, 'VIN-5'])],
    ['two CNs', 'first', subject([OID.commonName, 'first'], [OID.commonName, 'second'])],
    ['a CN beyond ASCII', 'Gerät €', subject([OID.commonName, 'Gerät €'])],
    ['a CN with commas and quotes', 'a,b+"c"', subject([OID.commonName, 'a,b+"c"'])],
  ])(
    'section 6, x-ats-device-uuid: what follows CN= to the end, as we say that it is: %s',
    async (_what, firstCn, name) => {
      const device = shop.device(name);
      const mine = await call(ours['the root alone']?.port ?? 0, [device, line]);
      const { id = '' } = await told(device);
      // HAProxy takes the first CN, octet for octet; Node reads headers as Latin-1.
      if (kind === 'haproxy') expect(Buffer.from(id, 'latin1').toString('utf8')).toBe(firstCn);
      else expect(id).toBe(mine.headers['x-ats-device-uuid']);
    },
  );
});
