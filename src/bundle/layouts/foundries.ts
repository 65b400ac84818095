import { issuerPem, leafPem } from '../certificates.ts';
import { aktualizrChecks } from '../device-checks.ts';
import { SECRET, serverRoot } from '../files.ts';
import type { BundleContent, Layout } from '../layout.ts';
import { aktualizrLineChecks, hardwareIdSaid, leafAlone } from '../line-checks.ts';
import { renderSotaToml, SOTA_CONFIG_FOLDER } from '../sota-toml.ts';

const configuration = ({ line }: BundleContent): string =>
  renderSotaToml({
    gatewayUrl: line.gatewayUrl ?? '',
    ostreeServer: line.settings.ostreeServer,
    hardwareId: line.settings.hardwareId,
    configFolder: SOTA_CONFIG_FOLDER,
    overrides: {},
  });

/** What a factory's registration hands to `/var/sota` of a device that made its key. */
export const foundriesLayout: Layout = {
  name: 'foundries',
  folder: '<id>',
  needs: ['gatewayRoot', 'gatewayUrl'],
  madeKey: 'no-place',
  entries: [
    serverRoot('root.crt'),
    { name: 'sota.toml', mode: SECRET, content: configuration },
    { name: 'client.pem', mode: SECRET, content: leafPem },
    { name: 'client.chained', mode: SECRET, content: (b) => `${leafPem(b)}\n${issuerPem(b.line)}` },
  ],
  shared: [],
  lineChecks: [...aktualizrLineChecks, leafAlone, hardwareIdSaid],
  deviceChecks: aktualizrChecks,
};
