import { chainPem, fleetRootPem, leafPem } from '../certificates.ts';
import { purposesSaid } from '../device-checks.ts';
import { keyFile, SECRET } from '../files.ts';
import type { Layout } from '../layout.ts';

/** Plain files for whatever speaks TLS. */
export const pemLayout: Layout = {
  name: 'pem',
  folder: '',
  needs: [],
  madeKey: 'taken',
  entries: [
    { name: '<id>.cert.pem', mode: SECRET, content: leafPem },
    { name: '<id>.chain.pem', mode: SECRET, content: chainPem },
    keyFile('<id>.key.pem'),
  ],
  shared: [{ name: 'fleet-root.pem', mode: SECRET, content: fleetRootPem }],
  lineChecks: [],
  deviceChecks: [purposesSaid],
};
