import type { Layout } from './layout.ts';

/** Where aktualizr looks for credentials that were put on the device before its first connection. */
const IMPORT = '/var/sota/import';
const SECRET = 0o600;

/** aktualizr reads its configuration as INI: one `key = "value"` a line, no inline comments. */
function configuration(): string {
  const lines = [
    '[tls]',
    `server_url_path = "${IMPORT}/gateway.url"`,
    '',
    '[import]',
    `base_path = "${IMPORT}"`,
    'tls_cacert_path = "root.crt"',
    'tls_clientcert_path = "client.pem"',
    // Also where the bundle holds no key: the device, or the factory, puts its own beside it.
    'tls_pkey_path = "pkey.pem"',
  ];
  return `${lines.join('\n')}\n`;
}

/**
 * Layout `device`: what `/var/sota/import` holds on a device with its key in a file, and the
 * configuration fragment that makes aktualizr take it.
 */
export const deviceLayout: Layout = {
  name: 'device',
  needs: ['gatewayRoot', 'gatewayUrl'],
  entries: [
    // Leaf first, then the intermediates, no root: the first certificate's CN is the device ID.
    { name: 'client.pem', mode: SECRET, content: (b) => b.certificate + b.intermediates },
    { name: 'pkey.pem', mode: SECRET, content: (b) => b.privateKey },
    { name: 'root.crt', mode: SECRET, content: (b) => b.gatewayRoot },
    // No newline: aktualizr appends its paths to the octets as they are.
    { name: 'gateway.url', mode: SECRET, content: (b) => b.gatewayUrl },
    { name: '20-sota-device-cred.toml', mode: SECRET, content: configuration },
  ],
};
