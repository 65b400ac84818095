import { chainPem } from '../certificates.ts';
import { aktualizrChecks, keyForImport, tokenKey } from '../device-checks.ts';
import { keyFile, SECRET, serverRoot } from '../files.ts';
import type { Layout } from '../layout.ts';
import { clientPurposes, leafAlone } from '../line-checks.ts';
import { serverRootChecks } from '../server-root-checks.ts';

/**
 * The older directory `/var/sota/token`: the test image with SoftHSM waits for key and certificate in it,
 * converts them, and loads them. Where the gateway is stands in the image.
 */
export const tokenLayout: Layout = {
  name: 'token',
  folder: '<id>',
  needs: ['gatewayRoot'],
  madeKey: 'taken',
  entries: [
    keyFile('pkey.pem'),
    { name: 'client.pem', mode: SECRET, content: chainPem },
    serverRoot('root.crt'),
  ],
  shared: [],
  lineChecks: [clientPurposes, ...serverRootChecks, leafAlone],
  deviceChecks: [...aktualizrChecks, tokenKey, keyForImport],
};
