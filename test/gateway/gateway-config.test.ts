import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { type GatewayConfigWish, gatewayConfig, parseTrust } from '../../src/gateway/index.ts';
import { makeShop } from '../support/gateway-shop.ts';
import { makeCrl } from '../support/openssl-crl.ts';

const { root, line } = makeShop();
const trusted = root.pem + line.pem;
const crls = makeCrl(root, []) + makeCrl(line, []);

const wish: GatewayConfigWish = {
  at: '/etc/nginx/fleetca',
  listen: '443',
  serverName: 'gateway.example.com',
  upstream: 'http://127.0.0.1:9001',
  trust: parseTrust({ trusted, crls: null }),
  published: { url: 'https://ca.example.com:8443/pki/cars', file: 'trust-bundle.pem', ca: root.pem },
};

const filesOf = (kind: 'nginx' | 'haproxy', more: Partial<GatewayConfigWish> = {}) =>
  Object.fromEntries(gatewayConfig(kind, { ...wish, ...more }).map(({ name, content }) => [name, content]));

describe('the configuration of nginx', () => {
  it('asks every client for a certificate, to depth 10, over TLS 1.2 and 1.3, and resumes nothing', () => {
    const clients = filesOf('nginx')['clients.conf'];
    for (const line of [
      'ssl_verify_client on;',
      'ssl_verify_depth 10;',
      'ssl_protocols TLSv1.2 TLSv1.3;',
      'ssl_client_certificate /etc/nginx/fleetca/trusted.pem;',
      'ssl_session_cache off;',
      'ssl_session_tickets off;',
    ]) {
      expect(clients?.split('\n')).toContain(line);
    }
  });

  it('derives the ID as ota-ce does, and fixes the namespace', () => {
    const clients = filesOf('nginx')['clients.conf'];
    expect(clients).toContain('if ($ssl_client_s_dn ~ "CN=(.*)$")');
    expect(clients).toContain('proxy_set_header x-ats-namespace default;');
  });

  it('leaves ssl_crl out where there is no CRL', () => {
    const files = filesOf('nginx');
    expect(files['crl.conf']).not.toContain('ssl_crl');
    expect(Object.keys(files)).not.toContain('crls.pem');
  });

  it('names the CRLs where there are any', () => {
    const files = filesOf('nginx', { trust: parseTrust({ trusted, crls }) });
    expect(files['crl.conf']).toBe('ssl_crl /etc/nginx/fleetca/crls.pem;\n');
    expect(files['crls.pem']?.match(/BEGIN X509 CRL/g)).toHaveLength(2);
  });

  it('has every path of the gateway', () => {
    const conf = filesOf('nginx')['gateway.conf'];
    for (const path of [
      '/director/',
      '/repo/',
      '/treehub/',
      '/campaigner/',
      '/system_info',
      '/core/',
      '/events',
    ]) {
      expect(conf).toContain(`location ${path} {`);
    }
  });
});

describe('the configuration of HAProxy', () => {
  it('names the CRLs in the line of its certificate, where there are any', () => {
    expect(filesOf('haproxy')['clients.list']).not.toContain('crl-file');
    const files = filesOf('haproxy', { trust: parseTrust({ trusted, crls }) });
    expect(files['clients.list']).toContain('verify required');
    expect(files['clients.list']).toContain('crl-file /etc/nginx/fleetca/crls.pem');
  });
});

describe('the reload hook', () => {
  it.each(['nginx', 'haproxy'] as const)(
    'of %s is a script for sh, with and without a place to fetch from',
    (kind) => {
      for (const published of [wish.published, null]) {
        const script = filesOf(kind, { published })['reload.sh'];
        const { status, stderr } = spawnSync('sh', ['-n'], { input: script, encoding: 'utf8' });
        expect([status, stderr]).toEqual([0, '']);
        expect(script?.includes('curl')).toBe(published !== null);
      }
    },
  );
});

describe('what would say more than itself in a configuration', () => {
  it.each([
    ['a folder with a space', { at: '/etc/my gateway' }],
    ['a relative folder', { at: 'gateway' }],
    ['a name with a semicolon', { serverName: 'a; include /etc/passwd' }],
    ['an upstream with a path', { upstream: 'http://127.0.0.1:1/x' }],
    ['a port that is none', { listen: '443 default_server' }],
    ['a URL with a quote', { published: { url: "https://a/'$(id)", file: 'fleet-root.pem', ca: null } }],
  ] as const)('is refused: %s', (_what, more) => {
    expect(() => gatewayConfig('nginx', { ...wish, ...more })).toThrow(
      expect.objectContaining({ code: 'bad-request' }),
    );
  });
});
