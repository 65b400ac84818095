import { chainPem } from '../certificates.ts';
import { encodeConfiguration, hardwareSection } from '../configuration.ts';
import { aktualizrChecks, tokenKey } from '../device-checks.ts';
import { gatewayUrlFile, SCRIPT, SECRET, serverRoot } from '../files.ts';
import type { BundleContent, Layout } from '../layout.ts';
import { aktualizrLineChecks, leafAlone } from '../line-checks.ts';
import { loaderScript } from '../loader-script.ts';

const IMPORT = '/var/sota/import';
/** Debian's and meta-updater's SoftHSM. */
const SOFTHSM = '/usr/lib/softhsm/libsofthsm2.so';
/** Hex, exactly one octet each. */
const IDS = { certificate: '01', key: '02', uptane: '03' } as const;

export const HSM_FRAGMENT = '20-sota-device-cred-hsm.toml';
/** The line of the fragment that the PIN goes into. */
export const EMPTY_PIN = 'pass = ""';

const moduleOf = ({ line }: BundleContent): string => line.settings.pkcs11Module ?? SOFTHSM;

const configuration = (bundle: BundleContent): string =>
  encodeConfiguration([
    [
      'tls',
      [
        ['server_url_path', `${IMPORT}/gateway.url`],
        ['cert_source', 'pkcs11'],
        ['pkey_source', 'pkcs11'],
      ],
    ],
    [
      'p11',
      [
        ['module', moduleOf(bundle)],
        {
          comment: 'The PIN of the token. The service does not know it: fill it in where the device is made.',
        },
        ['pass', ''],
        ['tls_clientcert_id', IDS.certificate],
        ['tls_pkey_id', IDS.key],
        ['uptane_key_id', IDS.uptane],
      ],
    ],
    // In the token as well: beside a TLS key in a token, one in a file fails after the first request.
    ['uptane', [['key_source', 'pkcs11']]],
    [
      'import',
      [
        ['base_path', IMPORT],
        ['tls_cacert_path', 'root.crt'],
      ],
    ],
    ...hardwareSection(bundle.line.settings.hardwareId),
    [
      'telemetry',
      [
        { comment: 'At its first start the client sends the server its whole configuration, the PIN above' },
        { comment: 'included, unless it is told not to.' },
        ['report_config', false],
      ],
    ],
  ]);

/** For a device whose key was made in its token, which sent a PKCS#10 request. There is no private key. */
export const hsmLayout: Layout = {
  name: 'hsm',
  folder: '<id>',
  needs: ['gatewayRoot', 'gatewayUrl'],
  madeKey: 'no-place',
  entries: [
    { name: 'client.der', mode: SECRET, content: ({ certificate }) => certificate.der },
    { name: 'client.pem', mode: SECRET, content: chainPem },
    serverRoot('root.crt'),
    gatewayUrlFile,
    { name: HSM_FRAGMENT, mode: SECRET, content: configuration },
    {
      name: 'load-token.sh',
      mode: SCRIPT,
      content: (bundle) =>
        loaderScript({
          module: moduleOf(bundle),
          certificateId: IDS.certificate,
          keyId: IDS.key,
          publicKeyDigest: Buffer.from(bundle.certificate.publicKey.digest).toString('hex'),
        }),
    },
  ],
  shared: [],
  lineChecks: [...aktualizrLineChecks, leafAlone],
  deviceChecks: [...aktualizrChecks, tokenKey],
};
