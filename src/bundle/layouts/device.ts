import { chainPem } from '../certificates.ts';
import { encodeConfiguration, hardwareSection } from '../configuration.ts';
import { aktualizrChecks } from '../device-checks.ts';
import { gatewayUrlFile, keyFile, SECRET, serverRoot } from '../files.ts';
import type { BundleContent, Layout } from '../layout.ts';
import { aktualizrLineChecks } from '../line-checks.ts';

/** Where aktualizr looks for credentials that were put on the device before its first connection. */
const IMPORT = '/var/sota/import';

const configuration = ({ line }: BundleContent): string =>
  encodeConfiguration([
    ['tls', [['server_url_path', `${IMPORT}/gateway.url`]]],
    [
      'import',
      [
        ['base_path', IMPORT],
        ['tls_cacert_path', 'root.crt'],
        ['tls_clientcert_path', 'client.pem'],
        // Also where the bundle holds no key: the device, or the factory, puts its own beside it.
        ['tls_pkey_path', 'pkey.pem'],
      ],
    ],
    ...hardwareSection(line.settings.hardwareId),
  ]);

/**
 * What `/var/sota/import` holds on a device with its key in a file, and the configuration fragment that
 * makes aktualizr take it.
 */
export const deviceLayout: Layout = {
  name: 'device',
  folder: '<id>',
  needs: ['gatewayRoot', 'gatewayUrl'],
  madeKey: 'taken',
  entries: [
    { name: 'client.pem', mode: SECRET, content: chainPem },
    keyFile('pkey.pem'),
    serverRoot('root.crt'),
    gatewayUrlFile,
    { name: '20-sota-device-cred.toml', mode: SECRET, content: configuration },
  ],
  shared: [],
  lineChecks: aktualizrLineChecks,
  deviceChecks: aktualizrChecks,
};
