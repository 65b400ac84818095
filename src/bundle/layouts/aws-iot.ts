import { issuerPem, leafPem } from '../certificates.ts';
import { awsKey } from '../device-checks.ts';
import { keyFile, SECRET, serverRoot } from '../files.ts';
import type { Layout } from '../layout.ts';
import { registeredCa } from '../line-checks.ts';
import { gatewayUrlPlain } from '../server-root-checks.ts';

/** The host alone: clients ask for it apart from the port of their protocol. */
const hostOf = (url: string | null): string => (url === null ? '' : new URL(url).hostname);

/** What the device SDKs of AWS IoT are pointed at. The fleet's gateway is the endpoint. */
export const awsIotLayout: Layout = {
  name: 'aws-iot',
  folder: '<id>',
  needs: ['gatewayRoot', 'gatewayUrl'],
  madeKey: 'taken',
  entries: [
    // With the CA that is registered at AWS behind it: just-in-time provisioning needs both in the handshake.
    { name: 'certificate.pem.crt', mode: SECRET, content: (b) => leafPem(b) + issuerPem(b.line) },
    keyFile('private.pem.key'),
    serverRoot('AmazonRootCA1.pem'),
  ],
  shared: [{ name: 'endpoint', mode: SECRET, content: ({ gatewayUrl }) => hostOf(gatewayUrl) }],
  lineChecks: [gatewayUrlPlain, registeredCa],
  deviceChecks: [awsKey],
};
