import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { type BundleContent, deviceLayout, layOut } from '../../src/bundle/index.ts';
import { refusalOf } from '../support/refusal.ts';

const bundle: BundleContent = {
  deviceId: 'WVWZZZ1JZXW000001',
  certificate: '-----BEGIN CERTIFICATE-----\nbGVhZg==\n-----END CERTIFICATE-----\n',
  intermediates: '-----BEGIN CERTIFICATE-----\naXNzdWVy\n-----END CERTIFICATE-----\n',
  privateKey: null,
  gatewayRoot: '-----BEGIN CERTIFICATE-----\nZ2F0ZXdheQ==\n-----END CERTIFICATE-----\n',
  gatewayUrl: 'https://gateway.example:8443',
};
const privateKey = '-----BEGIN PRIVATE KEY-----\na2V5\n-----END PRIVATE KEY-----\n';

const TOML = `[tls]
server_url_path = "/var/sota/import/gateway.url"

[import]
base_path = "/var/sota/import"
tls_cacert_path = "root.crt"
tls_clientcert_path = "client.pem"
tls_pkey_path = "pkey.pem"
`;

const listing = (content: BundleContent) =>
  layOut(deviceLayout, content).map(({ name, mode, content: octets }) => [
    name,
    mode.toString(8),
    Buffer.from(octets).toString('utf8'),
  ]);

describe('the layout device', () => {
  it('has these files, in this order, with these modes and octets', () => {
    expect(listing(bundle)).toEqual([
      ['client.pem', '600', `${bundle.certificate}${bundle.intermediates}`],
      ['root.crt', '600', bundle.gatewayRoot],
      ['gateway.url', '600', 'https://gateway.example:8443'],
      ['20-sota-device-cred.toml', '600', TOML],
    ]);
  });

  it('has the private key after the certificate where there is one, and nothing else changes', () => {
    const files = listing({ ...bundle, privateKey });
    expect(files[1]).toEqual(['pkey.pem', '600', privateKey]);
    expect(files.filter(([name]) => name !== 'pkey.pem')).toEqual(listing(bundle));
  });

  it('has the leaf alone in client.pem where the root issued it', () => {
    expect(listing({ ...bundle, intermediates: '' })[0]?.[2]).toBe(bundle.certificate);
  });

  it('ends gateway.url without a newline, and every other file with one', () => {
    for (const [name, , text] of listing({ ...bundle, privateKey })) {
      expect([name, text?.endsWith('\n')]).toEqual([name, name !== 'gateway.url']);
    }
  });

  it('gives the same octets for the same content', () => {
    const digest = () =>
      createHash('sha256')
        .update(JSON.stringify(listing(bundle)))
        .digest('hex');
    expect(digest()).toBe(digest());
  });

  it('is refused where the fleet lacks what the device would miss, and names it', () => {
    for (const [missing, names] of [
      [{ gatewayRoot: null }, ['gatewayRoot']],
      [{ gatewayUrl: null }, ['gatewayUrl']],
      [{ gatewayRoot: null, gatewayUrl: null }, ['gatewayRoot', 'gatewayUrl']],
    ] as const) {
      const refusal = refusalOf(() => layOut(deviceLayout, { ...bundle, ...missing }));
      expect(refusal?.code).toBe('bad-request');
      for (const name of names) expect(refusal?.message).toContain(name);
    }
  });
});
