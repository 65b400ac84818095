/** One fleet with its gateway, and what a device of it is handed: the ground that the catalogue's cases change. */
import type { GivenFile } from '../../src/check/index.ts';
import { ca, ecPair, type Issued, leaf, type Pair, pem, pkcs8 } from './certify.ts';

export const root = ca('fleet');
export const line = ca('line-7', { issuer: root, pathLength: 0 });
export const gatewayRoot = ca('gateway root');
export const otherRoot = ca('other fleet');
export const keys = ecPair();
export const direct = leaf(root, keys);
export const device = leaf(line, keys);

export const FRAGMENT = `[tls]
server_url_path = "/var/sota/import/gateway.url"

[import]
base_path = "/var/sota/import"
tls_cacert_path = "root.crt"
tls_clientcert_path = "client.pem"
tls_pkey_path = "pkey.pem"
`;

export const HSM_FRAGMENT = `[tls]
server_url_path = "/var/sota/import/gateway.url"
cert_source = "pkcs11"
pkey_source = "pkcs11"

[p11]
module = "/usr/lib/softhsm/libsofthsm2.so"
pass = "1234"
tls_clientcert_id = "01"
tls_pkey_id = "02"
uptane_key_id = "03"

[uptane]
key_source = "pkcs11"

[import]
base_path = "/var/sota/import"
tls_cacert_path = "root.crt"

[telemetry]
report_config = false
`;

export type Files = Readonly<Record<string, string | Uint8Array | null>>;

/** What `/var/sota/import` holds; null takes a file out. */
export function bundle(more: Files = {}, mode: number | null = 0o600): readonly GivenFile[] {
  const files: Files = {
    'client.pem': pem(device, line),
    'pkey.pem': pkcs8(keys),
    'root.crt': pem(gatewayRoot),
    'gateway.url': 'https://gateway.example:8443',
    '20-sota-device-cred.toml': FRAGMENT,
    ...more,
  };
  return plain(files, mode);
}

export const plain = (files: Files, mode: number | null = 0o600): readonly GivenFile[] =>
  Object.entries(files).flatMap(([path, content]) =>
    content === null ? [] : [{ path, mode, content: Buffer.from(content as string) }],
  );

/** A bundle whose device has this certificate, under the root, and this key. */
export const withLeaf = (certificate: Issued, pair: Pair = keys): readonly GivenFile[] =>
  bundle({ 'client.pem': pem(certificate), 'pkey.pem': pkcs8(pair) });
