import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { checkBundle, tryGateway } from '../../src/check/index.ts';
import { systemClock } from '../../src/clock.ts';
import { parseForeignCertificate } from '../../src/x509/index.ts';
import {
  ca,
  constraints,
  ecPair,
  type Issued,
  leaf,
  leafExtensions,
  pem,
  pkcs8,
  purposes,
  unknownExtension,
  usage,
} from '../check/certify.ts';
import { plain } from '../check/world.ts';
import { isLeftOut } from '../support/counterpart.ts';
import { seededRandom } from '../support/fixed.ts';
import { makeShop } from '../support/gateway-shop.ts';
import { type RealGateway, startRealGateway, startUpstream } from '../support/real-gateways.ts';

// nginx goes by the real clock, and has no other.
const dates = { notBefore: new Date('2020-01-01T00:00:00Z'), notAfter: new Date('2090-01-01T00:00:00Z') };
const root = ca('fleet', dates);
const line = ca('line', { issuer: root, pathLength: 0, ...dates });
const below = ca('below', { issuer: line, ...dates });
const other = ca('another fleet', dates);
const keys = ecPair();
const saying = (...own: Parameters<typeof leafExtensions>[2] & object): Issued =>
  leaf(root, keys, { ...dates, extensions: leafExtensions(root, keys, own) });
const client = purposes(['clientAuth']);
const signs = usage(['digitalSignature']);

const ROWS: readonly (readonly [string, readonly Issued[]])[] = [
  ['leaf and intermediate', [leaf(line, keys, dates), line]],
  ['leaf alone under an intermediate', [leaf(line, keys, dates)]],
  ['another fleet', [leaf(other, keys, dates), other]],
  ['path length exceeded', [leaf(below, keys, dates), below, line]],
  ['EKU serverAuth only', [saying(signs, purposes(['serverAuth']))]],
  ['EKU emailProtection only', [saying(signs, purposes(['emailProtection']))]],
  ['keyUsage keyEncipherment only', [saying(usage(['keyEncipherment']), client)]],
  ['keyUsage keyAgreement only', [saying(usage(['keyAgreement']), client)]],
  ['no EKU', [saying(signs)]],
  ['CA:TRUE', [saying(constraints(true), signs, client)]],
  ['version 1', [leaf(root, keys, { ...dates, version: 1, extensions: [] })]],
  ['unknown critical extension', [saying(signs, client, unknownExtension(true))]],
  ['expired', [leaf(root, keys, { notBefore: dates.notBefore, notAfter: new Date('2021-01-01T00:00:00Z') })]],
];

describe.skipIf(isLeftOut('nginx'))('nginx, called by the check', () => {
  const shop = makeShop();
  let upstream: Awaited<ReturnType<typeof startUpstream>>;
  let nginx: RealGateway;

  beforeAll(async () => {
    upstream = await startUpstream();
    nginx = await startRealGateway(
      'nginx',
      { fleet: { trusted: pem(root), crls: null } },
      shop.server,
      upstream.url,
    );
  });
  afterAll(async () => {
    await nginx?.stop();
    upstream?.close();
  });

  it.each(ROWS)('does what was said of the files alone: %s', async (_, presented) => {
    const judged = checkBundle({
      files: plain({
        'client.pem': pem(...presented),
        'pkey.pem': pkcs8(keys),
        'root.crt': shop.serverRoot.pem,
        'gateway.url': 'https://127.0.0.1',
      }),
      target: 'generic',
      trust: [parseForeignCertificate(root.der)],
      passphrase: '',
      now: systemClock.now(),
    });
    const around = { clock: systemClock, random: seededRandom('nginx') };
    const url = new URL(`https://localhost:${nginx.ports.fleet}`);
    const { findings } = await tryGateway(judged, url, around);
    const refusals = findings.filter(({ code }) => code === 'gateway-refuses').map(({ message }) => message);
    const accepted = findings.filter(({ code }) => code === 'gateway-accepts').map(({ message }) => message);
    if (judged.report.verdict === 'fail') {
      expect(refusals).toHaveLength(2);
      for (const message of refusals) expect(message).toContain('HTTP 400');
    } else {
      expect(refusals).toEqual([]);
      expect(accepted).toEqual(['The gateway let the device in over TLSv1.2 and TLSv1.3.']);
    }
  });
});
