import { encodeEcPrivateKeyPem } from '../../x509/index.ts';
import { chainPem, fleetRootPem, wholeChainPem } from '../certificates.ts';
import { encodeConfiguration, hardwareSection } from '../configuration.ts';
import { aktualizrChecks, cnFirst, lowerCaseUuid } from '../device-checks.ts';
import { gatewayUrlFile, keyFile, SECRET, serverRoot } from '../files.ts';
import type { BundleContent, Layout } from '../layout.ts';
import { aktualizrLineChecks, nginxPurposes } from '../line-checks.ts';

/** For `aktualizr -c config.toml` in that folder: a device on a workstation, with nothing to install. */
const configuration = ({ line }: BundleContent): string =>
  encodeConfiguration([
    ['tls', [['server_url_path', 'gateway.url']]],
    ...hardwareSection(line.settings.hardwareId),
    ['pacman', [['type', 'none']]],
    ['storage', [['path', '.']]],
    [
      'import',
      [
        ['base_path', '.'],
        ['tls_cacert_path', 'ca.pem'],
        ['tls_clientcert_path', 'client.pem'],
        ['tls_pkey_path', 'pkey.pem'],
      ],
    ],
  ]);

const ecKeyOf = ({ key }: BundleContent): string | null =>
  key.kind === 'clear' ? encodeEcPrivateKeyPem(key.pkcs8) : null;

/** The tree that the scripts of ota-community-edition and ota-lith make: `devices/<uuid>` and what stands above. */
export const otaCeLayout: Layout = {
  name: 'ota-ce',
  folder: 'devices/<id>',
  needs: ['gatewayRoot', 'gatewayUrl'],
  madeKey: 'taken',
  entries: [
    { name: 'pkey.ec.pem', mode: SECRET, when: (b) => ecKeyOf(b) !== null, content: (b) => ecKeyOf(b) ?? '' },
    keyFile('pkey.pem'),
    // The leaf alone where the root issued it, as there. Under an intermediate the client must present that too.
    { name: 'client.pem', mode: SECRET, content: chainPem },
    { name: '<id>.chain.pem', mode: SECRET, content: wholeChainPem },
    serverRoot('ca.pem'),
    gatewayUrlFile,
    { name: 'config.toml', mode: SECRET, content: configuration },
  ],
  shared: [serverRoot('server_ca.pem'), { name: 'devices/ca.crt', mode: SECRET, content: fleetRootPem }],
  lineChecks: [...aktualizrLineChecks, nginxPurposes],
  deviceChecks: [...aktualizrChecks, lowerCaseUuid, cnFirst],
};
